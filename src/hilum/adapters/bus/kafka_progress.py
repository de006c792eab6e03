"""How far a group is in a part, written down at Kafka before it matters.

What is committed is the offset below which everything is handled, and beside it, as metadata of the
commit, how often each message above it was handed over: so the next owner goes on counting.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord

from hilum.adapters.bus.lanes import Lanes, PartitionLost, Work
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message

WINDOW: Final = 256
"""Most messages between the first unhandled one and the last in hand: their counts have to fit into
the 4096 bytes that a broker takes as metadata."""
_KEY: Final = "hilum-key"
_ID: Final = "hilum-id"


class KafkaPart:
    """A partition that is ours until the group says otherwise."""

    def __init__(
        self, work: Work, partition: TopicPartition, start: int, metadata: str, notes: "Notes"
    ) -> None:
        self.partition = partition
        self.lanes = Lanes(work)
        self.next = start
        """Everything below is handled by the group."""
        self.noted = False
        """Nothing has changed since the last commit."""
        self._end = start
        self._done: set[int] = set()
        self._counts = counts_in(metadata, start)
        self._prefetch = work.options.prefetch
        self._notes = notes

    @property
    def room(self) -> int:
        """How many more messages may be put."""
        return min(self._prefetch - self.lanes.in_hand, WINDOW - (self._end - self.next))

    def put(self, record: "ConsumerRecord[bytes, bytes]") -> None:
        if record.offset < self._end:
            return
        # Offsets that Kafka skips (aborted, dropped) are nobody's messages.
        self._done.update(range(self._end, record.offset))
        self._end = record.offset + 1
        self._advance()
        self.lanes.put(KafkaDelivery(self, record.offset, message_of(record)))

    def state(self) -> tuple[int, str]:
        return self.next, text_of(self._counts, self.next)

    async def begin(self, offset: int) -> int:
        count = self._counts.get(offset, 0) + 1
        self._counts[offset] = count
        try:
            await self._noted()
        except BaseException:
            self._counts[offset] = count - 1
            raise
        return count

    def done(self, offset: int) -> None:
        self._done.add(offset)
        self._advance()
        self.noted = False
        self._notes.wanted.set()

    async def _noted(self) -> None:
        self.noted = False
        await self._notes.written()

    def _advance(self) -> None:
        while self.next in self._done:
            self._done.discard(self.next)
            self._counts.pop(self.next, None)
            self.next += 1


class Notes:
    """Commits, one at a time, each with everything that changed since the one before."""

    def __init__(
        self,
        commit: Callable[[Mapping[TopicPartition, tuple[int, str]]], Awaitable[None]],
        parts: Mapping[TopicPartition, KafkaPart],
        unavailable: Callable[[BaseException], BusUnavailable],
    ) -> None:
        self.wanted = asyncio.Event()
        self._commit = commit
        self._parts = parts
        self._unavailable = unavailable
        self._round = _future()

    async def written(self) -> None:
        """Return when what holds now is committed.

        Raises `PartitionLost` when the group no longer counts us in, `BusUnavailable` otherwise.
        """
        self.wanted.set()
        await asyncio.shield(self._round)

    async def run(self) -> None:
        """Commit whenever it is wanted, until cancelled."""
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            now, self._round = self._round, _future()
            try:
                await self._write()
            except asyncio.CancelledError:
                now.set_exception(PartitionLost())
                raise
            except (CommitFailedError, IllegalStateError):
                now.set_exception(PartitionLost())
            except (KafkaError, OSError) as error:
                now.set_exception(self._unavailable(error))
            else:
                now.set_result(None)

    async def _write(self) -> None:
        changed = [part for part in self._parts.values() if not part.noted]
        states = {part.partition: part.state() for part in changed}
        if not states:
            return
        for part in changed:
            part.noted = True
        try:
            await self._commit(states)
        except BaseException:
            for part in changed:
                part.noted = False
            raise


def _future() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    # Nobody may be waiting for this round.
    future.add_done_callback(_read)
    return future


def _read(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


@dataclass(frozen=True, slots=True)
class KafkaDelivery:
    """`Delivery`: a record above the committed offset."""

    part: KafkaPart
    offset: int
    message: Message

    async def begin(self) -> int:
        return await self.part.begin(self.offset)

    async def done(self) -> None:
        self.part.done(self.offset)


def text_of(counts: Mapping[int, int], start: int) -> str:
    """Counts as metadata: `3:1,5:2` for three and five offsets above the committed one."""
    return ",".join(f"{offset - start}:{count}" for offset, count in sorted(counts.items()))


def counts_in(metadata: str, start: int) -> dict[int, int]:
    """What `text_of` wrote; empty for what somebody else wrote."""
    try:
        pairs = [pair.split(":") for pair in metadata.split(",") if pair]
        return {start + int(above): int(count) for above, count in pairs}
    except ValueError:
        return {}


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    own = [(_ID, message.message_id.encode()), (_KEY, message.key.encode())]
    return own + [(name, text.encode()) for name, text in message.headers.items()]


def message_of(record: "ConsumerRecord[bytes, bytes]") -> Message:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    fallback = (record.key or b"").decode(errors="replace")
    key = headers.pop(_KEY, fallback)
    message_id = headers.pop(_ID, f"{record.topic}-{record.partition}-{record.offset}")
    return Message(message_id, key, record.value or b"", headers)
