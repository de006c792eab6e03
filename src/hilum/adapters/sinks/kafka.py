"""Events to Apache Kafka: acks=all, idempotent, one partition for each key.

The events of a partition leave in batches of which the next is sent when the one before was
acknowledged, so nothing overtakes. A batch that is not acknowledged in time stays with the
producer, which sends it until it succeeds and by whose sequence numbers the broker drops what it
has: the next `send` waits for it first, so that an outage repeats nothing. Only a producer that
stays stuck although the broker answers again is replaced, and then events may be repeated.

The user needs WRITE and DESCRIBE on the topics (CREATE where the broker makes them on demand) and
IDEMPOTENT_WRITE on the cluster for brokers before 3.0.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner

from hilum.adapters.sinks.headers import headers_of, too_large
from hilum.adapters.sinks.kafka_producer import KafkaOptions, connected
from hilum.adapters.sinks.kafka_reading import told_events
from hilum.adapters.sinks.outcomes import Outcomes
from hilum.clients.kafka import ended
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected, ToldEvent
from hilum.foundation.tasks import note_error

log = structlog.get_logger()

_RECORD_OVERHEAD: Final = 128
_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


_Record = tuple[Event, bytes, list[tuple[str, bytes | None]]]
_Partition = tuple[str, int]


class KafkaSink:
    """`EventSink`."""

    def __init__(self, name: str, options: KafkaOptions) -> None:
        self._where = f"Kafka sink {name!r}"
        self._options = options
        self._batch_bytes = options.batch_bytes
        self._partitioner = DefaultPartitioner()
        self._producer: AIOKafkaProducer | None = None
        self._flying: dict[asyncio.Future[object], Sequence[Event]] = {}
        self._flying_since = 0.0
        self._spoiled = False
        """The broker refused a batch and did not count it: sequence numbers differ from then on."""
        self._outcomes = Outcomes()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        async with self._turn:
            await self._connected()

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        async with self._turn:
            await self._land()
            while waiting := self._outcomes.missing(events):
                await self._launch(waiting)
                await self._land()
            return self._outcomes.taken(events)

    async def close(self) -> None:
        async with self._turn:
            with suppress(SinkUnavailable):
                await self._land()
            await self._discard()

    def told(self, types: Collection[str]) -> AsyncIterator[ToldEvent]:
        """See `RemembersEvents`; what the topics' retention has removed is not there."""
        return told_events(self._where, self._options, types)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = await self._started()
        return self._producer

    async def _started(self) -> AIOKafkaProducer:
        try:
            return await connected(self._options)
        except (KafkaError, OSError) as error:
            raise self._unavailable("cannot be reached", error) from None

    async def _launch(self, events: Sequence[Event]) -> None:
        """Send one batch to every partition that has events waiting, from the first of them on."""
        producer = await self._connected()
        full: dict[_Partition, list[_Record]] = {}
        closed: set[_Partition] = set()
        sizes: dict[_Partition, int] = {}
        places: dict[tuple[str, str], _Partition] = {}
        for event in events:
            key = event.key.encode()
            topic = self._options.topics.of(event.type)
            partition = places.get((topic, event.key))
            if partition is None:
                # The hash is plain Python, and the events of a study come together.
                partition = (topic, self._partition(key, await self._partitions(producer, topic)))
                places[topic, event.key] = partition
            if partition in closed:
                continue
            size = _RECORD_OVERHEAD + len(key) + len(event.body)
            if size > self._options.message_bytes:
                mend = "Raise `message_bytes` of the sink and `message.max.bytes` of the broker."
                self._outcomes.note(event, too_large(event, self._where, mend))
                continue
            taken = full.setdefault(partition, [])
            if taken and sizes[partition] + size > self._batch_bytes:
                closed.add(partition)
                continue
            sizes[partition] = sizes.get(partition, 0) + size
            taken.append((event, key, _headers(event)))
        for (topic, number), records in full.items():
            await self._send(producer, topic, number, records)

    async def _send(
        self, producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[_Record]
    ) -> None:
        batch = producer.create_batch()
        taken: list[Event] = []
        for event, key, headers in records:
            millis = int(event.time.timestamp() * 1000)
            if not batch.append(timestamp=millis, key=key, value=event.body, headers=headers):
                break
            taken.append(event)
        batch.close()
        if not taken:
            return
        try:
            # Nothing else is queued for this partition, so this does not wait.
            future = await producer.send_batch(batch, topic, partition=partition)
        except KafkaError as error:
            await self._discard()
            raise self._unavailable("does not take batches", error) from None
        future.add_done_callback(note_error)
        if not self._flying:
            self._flying_since = time.monotonic()
        self._flying[future] = taken

    async def _land(self) -> None:
        """Wait for what is in flight and note how it ended."""
        if not self._flying:
            return
        await asyncio.wait(self._flying, timeout=self._options.acknowledge_seconds)
        failure: BaseException | None = None
        for future in [each for each in self._flying if each.done()]:
            events = self._flying.pop(future)
            error = future.exception()
            if error is None:
                for event in events:
                    self._outcomes.note(event)
                continue
            self._spoiled = True
            if isinstance(error, _TOO_LARGE):
                self._shrink(events)
            else:
                failure = error
        if self._flying:
            await self._abandon()
            raise self._unavailable("does not acknowledge", TimeoutError())
        if self._spoiled:
            await self._discard()
        if failure is not None:
            raise self._unavailable("did not take a batch", failure) from None

    def _shrink(self, events: Sequence[Event]) -> None:
        """Make smaller batches, when the broker refused one; a single event is refused for good."""
        if len(events) == 1:
            mend = "Raise `message.max.bytes` of the broker, or `max.message.bytes` of the topic."
            self._outcomes.note(events[0], too_large(events[0], self._where, mend))
        else:
            self._batch_bytes = sum(_RECORD_OVERHEAD + len(each.body) for each in events) // 2

    async def _abandon(self) -> None:
        """Replace a producer that is stuck although the broker answers."""
        if time.monotonic() - self._flying_since < self._options.abandon_seconds:
            return
        fresh = await self._started()
        log.warning("sink_producer_replaced", sink=self._where, batches=len(self._flying))
        await self._discard()
        self._producer = fresh

    async def _discard(self) -> None:
        producer, self._producer = self._producer, None
        self._spoiled = False
        self._flying.clear()
        if producer is not None:
            await ended(producer)

    async def _partitions(self, producer: AIOKafkaProducer, topic: str) -> list[int]:
        known = producer.client.cluster.partitions_for_topic(topic)
        if known is not None:
            return sorted(known)
        try:
            async with asyncio.timeout(self._options.connect_seconds):
                return sorted(await producer.partitions_for(topic))
        except (UnknownTopicOrPartitionError, TimeoutError, InvalidTopicError):
            what = f"tells nothing of the topic {topic}: it is down, or the topic is to be made"
            raise self._unavailable(what) from None
        except TopicAuthorizationFailedError:
            raise self._unavailable(f"does not let us write to the topic {topic}") from None
        except (KafkaError, OSError) as error:
            raise self._unavailable("cannot be reached", error) from None

    def _partition(self, key: bytes, partitions: list[int]) -> int:
        return int(self._partitioner(key, partitions, partitions))

    def _unavailable(self, what: str, error: BaseException | None = None) -> SinkUnavailable:
        # The name of the error only: texts of the library may hold what it was configured with.
        kind = f" ({type(error).__name__})" if error is not None else ""
        servers = ", ".join(self._options.servers)
        return SinkUnavailable(f"{self._where}: the broker at {servers} {what}{kind}.")


def _headers(event: Event) -> list[tuple[str, bytes | None]]:
    return [(name, value.encode()) for name, value in headers_of(event).items()]
