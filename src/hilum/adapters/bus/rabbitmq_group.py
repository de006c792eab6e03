"""A group on the queues of a topic, and the parts of it that this process owns.

Owning a part is being the exclusive consumer of its ledger, a small queue that holds a mark for
each time a message in hand was handed to a handler. The broker ends the ownership of a process that
is gone and gives its marks to the next owner, which so knows the attempts.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiormq import spec
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from aiormq.exceptions import ChannelAccessRefused, ChannelLockedResource

from hilum.adapters.bus.envelopes import CORRELATION
from hilum.adapters.bus.lanes import Lanes, PartitionLost, Work
from hilum.adapters.bus.rabbitmq_link import RabbitLink
from hilum.adapters.bus.rabbitmq_topology import (
    LEDGER,
    PRESENCE,
    Names,
    declare_group,
    declare_topic,
)
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message

KEY: Final = "hilum-key"
_MARK: Final = "handed-over"
_OWNER: Final = "owner"
_OWNED: Final = (ChannelAccessRefused, ChannelLockedResource)


class RabbitGroup:
    """`Sharer` by exclusive consumers."""

    def __init__(self, link: RabbitLink, work: Work) -> None:
        self.link = link
        self.work = work
        self.names = Names(work.options.name, work.topic)
        self.queues: list[str] = []
        self.shares: dict[int, RabbitShare] = {}
        self._known: AbstractConnection | None = None
        self._presence: AbstractChannel | None = None

    async def partitions(self) -> int:
        connection = await self.link.connection()
        if connection is not self._known:
            self._lose_all()
            options, group = self.work.options, self.work.group
            partitions = await declare_topic(self.link, self.names, options)
            self.queues = await declare_group(self.link, self.names, group, partitions, options)
            await self._appear()
            self._known = connection
        return len(self.queues)

    async def members(self, owned: Iterable[int]) -> int:  # noqa: ARG002 - the broker knows
        presence = self._presence
        if presence is None or presence.is_closed or self.link.alive is None:
            self._known = None
            self._lose_all()
            raise BusUnavailable(f"The connection to {self.names.exchange} was lost.")
        with self.link.telling():
            found = await presence.queue_declare(
                self.names.members(self.work.group), passive=True, timeout=self.link.seconds
            )
        return int(found.consumer_count or 1)

    async def take(self, partition: int) -> "RabbitShare | None":
        share = RabbitShare(self, partition)
        try:
            if not await share.open():
                return None
        except BaseException:
            await share.release()
            raise
        self.shares[partition] = share
        return share

    async def leave(self) -> None:
        await self.link.close()

    async def _appear(self) -> None:
        name = self.names.members(self.work.group)
        await self.link.declare(name, PRESENCE)
        self._presence = await self.link.channel()
        with self.link.telling():
            await self._presence.basic_consume(name, _ignore, timeout=self.link.seconds)

    def _lose_all(self) -> None:
        for share in self.shares.values():
            share.lanes.lost.set()


async def _ignore(_message: DeliveredMessage) -> None:
    """Nobody writes to the queue of members."""


class RabbitShare:
    """`Share`: a queue, and the ledger beside it."""

    def __init__(self, group: RabbitGroup, partition: int) -> None:
        self.group = group
        self.partition = partition
        self.lanes = Lanes(group.work)
        self.queue = group.queues[partition]
        self.ledger_name = group.names.ledger(group.work.group, partition)
        self.counts: defaultdict[str, int] = defaultdict(int)
        """Attempts of messages in hand, and of those that the owner before us had."""
        self._marks: defaultdict[str, list[int]] = defaultdict(list)
        self._token = uuid.uuid4().hex
        self._caught_up = asyncio.Event()
        self._ledger: AbstractChannel | None = None
        self._channel: AbstractChannel | None = None

    async def open(self) -> bool:
        """Become the owner and learn the attempts so far; False: somebody else is."""
        link = self.group.link
        await link.declare(self.ledger_name, LEDGER)
        self._ledger = await link.channel()
        with link.telling():
            try:
                await self._ledger.basic_consume(
                    self.ledger_name, self._on_mark, exclusive=True, timeout=link.seconds
                )
            except _OWNED:
                return False
            self._watch(self._ledger)
            # What lies in the ledger comes before what we write to it now.
            await self._write(self._token, _OWNER)
            async with asyncio.timeout(link.seconds):
                await self._caught_up.wait()
        return True

    async def feed(self) -> None:
        link, prefetch = self.group.link, self.group.work.options.prefetch
        try:
            channel = self._channel = await link.channel()
            self._watch(channel)
            with link.telling():
                await channel.basic_qos(prefetch_count=prefetch, timeout=link.seconds)
                await channel.basic_consume(self.queue, self._on_message, timeout=link.seconds)
        except BusUnavailable:
            raise PartitionLost from None  # what is in hand belongs to the channel
        await self.lanes.lost.wait()
        raise PartitionLost

    async def release(self) -> None:
        self.group.shares.pop(self.partition, None)
        # What is unacknowledged has to be back in the queue before somebody else owns the part.
        for channel in (self._channel, self._ledger):
            if channel is not None:
                await self.group.link.close_channel(channel)

    async def begin(self, message_id: str) -> int:
        count = self.counts[message_id] + 1
        self.counts[message_id] = count  # before the mark comes back
        try:
            with self.group.link.telling():
                await self._write(message_id, _MARK)
        except BaseException:
            self.counts[message_id] = count - 1
            raise
        return count

    async def done(self, message_id: str, delivery_tag: int) -> None:
        channel, ledger = self._open(self._channel), self._open(self._ledger)
        with self.group.link.telling():
            await channel.basic_ack(delivery_tag)
            self.counts.pop(message_id, None)
            for mark in self._marks.pop(message_id, ()):
                await ledger.basic_ack(mark)

    def _open(self, channel: AbstractChannel | None) -> AbstractChannel:
        if channel is None or channel.is_closed:
            raise PartitionLost
        return channel

    async def _write(self, mark: str, kind: str) -> None:
        ledger = self._open(self._ledger)
        await ledger.basic_publish(
            b"",
            routing_key=self.ledger_name,
            properties=spec.Basic.Properties(delivery_mode=2, message_id=mark, message_type=kind),
            timeout=self.group.link.seconds,
        )

    async def _on_mark(self, mark: DeliveredMessage) -> None:
        properties = mark.header.properties
        message_id, tag = properties.message_id or "", mark.delivery_tag or 0
        handed_over = properties.message_type == _MARK
        if handed_over and not self._caught_up.is_set():
            self.counts[message_id] += 1
        if handed_over and message_id in self.counts:
            self._marks[message_id].append(tag)
            return
        if message_id == self._token:
            self._caught_up.set()
        if self._ledger is not None and not self._ledger.is_closed:
            await self._ledger.basic_ack(tag)

    async def _on_message(self, delivered: DeliveredMessage) -> None:
        if not self.lanes.lost.is_set():
            self.lanes.put(RabbitDelivery(self, delivered.delivery_tag or 0, message_of(delivered)))

    def _watch(self, channel: AbstractChannel) -> None:
        """Losing a channel, or the queue behind it, is losing the part."""
        channel.closing.add_done_callback(lambda _: self.lanes.lost.set())
        channel.on_consumer_cancel_callbacks.add(lambda _: self.lanes.lost.set())


@dataclass(frozen=True, slots=True)
class RabbitDelivery:
    """`Delivery`: a message that the broker waits to hear of."""

    share: RabbitShare
    delivery_tag: int
    message: Message

    async def begin(self) -> int:
        return await self.share.begin(self.message.message_id)

    async def done(self) -> None:
        await self.share.done(self.message.message_id, self.delivery_tag)


def properties_of(message: Message) -> spec.Basic.Properties:
    """What goes beside the body."""
    return spec.Basic.Properties(
        delivery_mode=2,
        message_id=message.message_id,
        correlation_id=message.headers.get(CORRELATION),
        headers={**message.headers, KEY: message.key},
    )


def message_of(delivered: DeliveredMessage) -> Message:
    properties = delivered.header.properties
    headers = {str(name): _text(value) for name, value in (properties.headers or {}).items()}
    key = headers.pop(KEY, "")
    kept = {name: text for name, text in headers.items() if not name.startswith("x-")}
    return Message(properties.message_id or "", key, delivered.body, kept)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
