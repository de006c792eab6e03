"""The bus over RabbitMQ: `amqp://`.

Messages are persistent, in quorum queues with one active consumer; a publication returns when the
broker has confirmed it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

from aiormq.abc import AbstractChannel
from aiormq.exceptions import DeliveryError, PublishError

from hilum.adapters.bus.envelopes import accepted
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.options import BusOptions, address_in, demand_word, partition_of
from hilum.adapters.bus.rabbitmq_group import RabbitGroup, properties_of
from hilum.adapters.bus.rabbitmq_link import RabbitLink, backlog_full
from hilum.adapters.bus.rabbitmq_topology import Names, declare_topic
from hilum.adapters.bus.sharing import Membership, taking_part
from hilum.adapters.bus.subscribing import Subscribing
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message

_TRIES: Final = 2


class RabbitBus(Subscribing):
    """`Bus` over RabbitMQ."""

    name = "bus"

    def __init__(self, url: str, options: BusOptions) -> None:
        super().__init__(options)
        self._url = url
        self._link = RabbitLink(url, options, "publisher")
        self._channel: AbstractChannel | None = None
        self._partitions: dict[str, int] = {}
        """By topic, of those declared since the channel was opened."""
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._link.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._link.close()

    async def __call__(self) -> str:
        await self._open()
        return f"RabbitMQ at {address_in(self._url)} answers."

    async def publish(self, topic: str, message: Message) -> None:
        message = accepted(message, self._options.message_bytes)
        names = Names(self._options.name, demand_word("topic", topic))
        for _ in range(_TRIES):
            channel, partitions = await self._ready_for(topic, names)
            try:
                with self._link.telling():
                    part = partition_of(message.key, partitions)
                    await _confirmed(channel, names, part, message, self._link.seconds)
            except _Unroutable:  # somebody removed a queue since we declared it
                self._partitions.pop(topic, None)
            except _Rejected:
                raise backlog_full(topic) from None
            else:
                return
        text = f"RabbitMQ has no queue for topic {topic} (exchange {names.exchange})."
        raise BusUnavailable(text)

    async def _ready_for(self, topic: str, names: Names) -> tuple[AbstractChannel, int]:
        async with self._turn:
            channel = await self._open()
            if topic not in self._partitions:
                declared = await declare_topic(self._link, names, self._options)
                self._partitions[topic] = declared
            return channel, self._partitions[topic]

    async def _open(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed or self._link.alive is None:
            self._partitions.clear()
            self._channel = await self._link.channel()
        return self._channel

    @asynccontextmanager
    async def _member(self, work: Work) -> AsyncIterator[None]:
        # A connection of its own: RabbitMQ slows down connections that publish when it is short of
        # memory, and that must not keep anybody from acknowledging.
        link = RabbitLink(self._url, self._options, f"{work.group} of {work.topic}")
        try:
            async with taking_part(Membership(RabbitGroup(link, work), work)):
                yield
        finally:
            await link.close()


class _Unroutable(Exception):
    """No queue is bound for the part."""


class _Rejected(Exception):
    """A queue holds as many as it may."""


async def _confirmed(
    channel: AbstractChannel, names: Names, partition: int, message: Message, seconds: float
) -> None:
    try:
        await channel.basic_publish(
            message.body,
            exchange=names.exchange,
            routing_key=str(partition),
            properties=properties_of(message),
            mandatory=True,
            timeout=seconds,
        )
    except PublishError:
        raise _Unroutable from None
    except DeliveryError:
        raise _Rejected from None
