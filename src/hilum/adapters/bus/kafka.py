"""The bus over Apache Kafka: `kafka://`.

Published with acks=all by an idempotent producer; a group's offset is committed after handling.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)

from hilum.adapters.bus.envelopes import accepted
from hilum.adapters.bus.kafka_client import KafkaClients
from hilum.adapters.bus.kafka_group import KafkaMember
from hilum.adapters.bus.kafka_progress import headers_of
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.options import BusOptions, address_in, demand_word, partition_of
from hilum.adapters.bus.subscribing import Subscribing
from hilum.clients.kafka import ended, started
from hilum.ports.bus import Message

_PRODUCER_ENDED: Final = (
    InvalidProducerEpoch,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
)


class KafkaBus(Subscribing):
    """`Bus` over Kafka."""

    name = "bus"

    def __init__(self, url: str, options: BusOptions) -> None:
        super().__init__(options)
        self._url = url
        self._clients = KafkaClients(url, options)
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._flying: dict[tuple[str, str], asyncio.Future[Any]] = {}
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            await self()
        except BaseException:
            await self._clients.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end_producer()
        await self._clients.close()

    async def __call__(self) -> str:
        await self._clients.ask()
        return f"Kafka at {address_in(self._url)} answers."

    async def publish(self, topic: str, message: Message) -> None:
        message = accepted(message, self._options.message_bytes)
        name = self._name(demand_word("topic", topic))
        producer, partitions = await self._ready_for(name)
        try:
            async with asyncio.timeout(self._options.request_seconds):
                await asyncio.shield(await self._sent(producer, name, message, partitions))
        except (KafkaError, OSError) as error:
            if isinstance(error, _PRODUCER_ENDED):
                await self._end_producer(producer)
            raise self._clients.unavailable(error) from None

    async def _sent(
        self, producer: AIOKafkaProducer, topic: str, message: Message, partitions: int
    ) -> asyncio.Future[Any]:
        """What is done when the message is durable.

        One that is not acknowledged in time stays with the producer, which sends it until it
        succeeds, so that nothing overtakes it; publishing it again then waits for the same.
        """
        which = (topic, message.message_id)
        if which in self._flying:
            return self._flying[which]
        flying: asyncio.Future[Any] = await producer.send(
            topic,
            message.body,
            key=message.key.encode(),
            partition=partition_of(message.key, partitions),
            headers=headers_of(message),
        )
        self._flying[which] = flying
        flying.add_done_callback(lambda done: self._landed(which, done))
        return flying

    def _landed(self, which: tuple[str, str], done: asyncio.Future[Any]) -> None:
        self._flying.pop(which, None)
        if not done.cancelled():
            done.exception()  # nobody may be waiting any more

    async def _ready_for(self, topic: str) -> tuple[AIOKafkaProducer, int]:
        async with self._turn:
            if topic not in self._partitions:
                self._partitions[topic] = await self._clients.ensure_topic(topic)
            if self._producer is None:
                producer = self._clients.producer()
                with self._clients.telling():
                    await started(producer, self._options.request_seconds)
                self._producer = producer
            return self._producer, self._partitions[topic]

    async def _end_producer(self, which: AIOKafkaProducer | None = None) -> None:
        async with self._turn:
            if self._producer is not None and which in (None, self._producer):
                producer, self._producer = self._producer, None
                await ended(producer)

    def _name(self, topic: str) -> str:
        return f"{self._options.name}.{topic}"

    @asynccontextmanager
    async def _member(self, work: Work) -> AsyncIterator[None]:
        name = self._name(work.topic)
        # A colon can stand neither in topics nor in groups: no two pairs make one name.
        member = KafkaMember(self._clients, work, name, f"{name}:{work.group}")
        running = asyncio.create_task(member.run())
        try:
            await member.joined()
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
