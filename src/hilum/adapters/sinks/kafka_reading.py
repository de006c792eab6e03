"""What the topics of a Kafka sink hold, read back to compare it with the feed."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from hilum.adapters.sinks.kafka_producer import KafkaOptions, security
from hilum.clients.kafka import ended, started
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import ToldEvent

_POLL_MILLISECONDS: Final = 1000


async def told_events(
    where: str, options: KafkaOptions, types: Collection[str]
) -> AsyncIterator[ToldEvent]:
    """Read each topic of these types from its beginning to where it ends now.

    The user needs READ and DESCRIBE on the topics. Raises `SinkUnavailable`.
    """
    topics = {options.topics.of(each) for each in types}
    try:
        held = await _held(options, topics)
        if not held:
            return
        async with _consuming(options, held) as consumer:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            left = {each for each, end in ends.items() if await consumer.position(each) < end}
            while left:
                found = await consumer.getmany(*left, timeout_ms=_POLL_MILLISECONDS)
                for records in found.values():
                    for record in records:
                        event = _event(record)
                        if event is not None and event.type in types:
                            yield event
                left = {each for each in left if await consumer.position(each) < ends[each]}
    except (KafkaError, OSError) as error:
        message = f"{where} cannot be read back ({type(error).__name__})."
        raise SinkUnavailable(message) from None


async def _held(options: KafkaOptions, topics: set[str]) -> list[str]:
    """Those that are there; naming the others to a broker may make them."""
    async with _consuming(options) as consumer:
        return sorted(topics & set(await consumer.topics()))


@asynccontextmanager
async def _consuming(
    options: KafkaOptions, topics: Sequence[str] = ()
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of all partitions of these topics, at their beginning, in no group."""
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=list(options.servers),
        client_id="hilum-reconcile",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **security(options),
    )
    await started(consumer, options.connect_seconds)
    try:
        yield consumer
    finally:
        await ended(consumer)


def _event(record: Any) -> ToldEvent | None:  # noqa: ANN401 (a record of an untyped library)
    """The event in a record; None when somebody else wrote it."""
    headers = dict(record.headers)
    try:
        return ToldEvent(
            headers["event_id"].decode(),
            headers["event_type"].decode(),
            (record.key or b"").decode(),
            int(orjson.loads(record.value)["sequence"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
