"""What submissions come to is published on the bus, in order, and not held up without need."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import pytest

from hilum.adapters.bus.memory import MemoryBus
from hilum.adapters.bus.options import BusOptions
from hilum.delivery.publishing import NOTICES, WORK, BusSink, published
from hilum.domain.errors import BusUnavailable, SinkUnavailable
from hilum.domain.events import Event
from hilum.ports.bus import Handler, Message
from tests.unit.delivery.world import START

UPLOADED, VALIDATED = WORK
ARCHIVED = "study.archived"


def event(number: int, kind: str = UPLOADED, key: str = "study-1", size: int = 2) -> Event:
    return Event(f"id-{number}", kind, key, number, START, "corr-1", b" " * size)


@dataclass
class FailingBus:
    """Publishes what comes first for each key, and then is away."""

    per_key: int
    published: list[Message] = field(default_factory=list)

    async def publish(self, _topic: str, message: Message) -> None:
        if sum(each.key == message.key for each in self.published) >= self.per_key:
            message_text = "The bus is away."
            raise BusUnavailable(message_text)
        await asyncio.sleep(0)
        self.published.append(message)

    def subscribe(
        self, topic: str, group: str, handler: Handler, *, concurrency: int = 1, attempts: int = 5
    ) -> AbstractAsyncContextManager[None]:
        raise NotImplementedError


async def received(bus: MemoryBus, topic: str, count: int) -> Sequence[Message]:
    found: list[Message] = []
    whole = asyncio.Event()

    async def take(message: Message) -> None:
        found.append(message)
        if len(found) == count:
            whole.set()

    async with bus.subscribe(topic, "group", take), asyncio.timeout(5):
        await whole.wait()
    return found


async def test_an_event_goes_to_the_topic_of_its_type_with_its_key_and_correlation() -> None:
    async with MemoryBus(BusOptions()) as bus:
        assert await BusSink(bus).send([event(1), event(2, VALIDATED)]) == []

        (first,) = await received(bus, UPLOADED, 1)
        (second,) = await received(bus, VALIDATED, 1)
    assert (first.message_id, first.key, first.body) == ("id-1", "study-1", b"  ")
    assert first.headers["correlation_id"] == "corr-1"
    assert second.headers["event_type"] == VALIDATED


async def test_events_of_one_study_keep_their_order_and_stop_at_the_first_that_fails() -> None:
    bus = FailingBus(per_key=2)
    events = [event(number, key=f"study-{number % 3}") for number in range(12)]

    with pytest.raises(SinkUnavailable, match="away"):
        await BusSink(bus).send(events)

    for key in ("study-0", "study-1", "study-2"):
        of_key = [each.message_id for each in bus.published if each.key == key]
        assert of_key == [each.event_id for each in events if each.key == key][:2]


async def test_what_is_too_large_is_rejected_and_the_next_one_goes() -> None:
    async with MemoryBus(replace(BusOptions(), message_bytes=500)) as bus:
        (rejected,) = await BusSink(bus).send([event(1, size=600), event(2)])

        assert (rejected.event_id, rejected.cause) == ("id-1", "message-too-large")
        assert [each.message_id for each in await received(bus, UPLOADED, 1)] == ["id-2"]


async def test_notices_that_nobody_takes_do_not_hold_up_work() -> None:
    async with MemoryBus(replace(BusOptions(), backlog_messages=1, partitions=1)) as bus:
        sink = BusSink(bus)

        assert await sink.send([event(1, ARCHIVED), event(2, ARCHIVED), event(3)]) == []
        with pytest.raises(SinkUnavailable, match=r"bus\.backlog_messages"):
            await sink.send([event(4)])


async def test_only_events_of_submissions_are_published() -> None:
    async with MemoryBus(BusOptions()) as bus:
        assert await BusSink(bus).send([event(1, "hilum.dead-letter.v1")]) == []
        assert "0 messages" in await bus()


def test_within_one_process_only_what_a_stage_waits_for_is_published() -> None:
    assert [published(beyond_the_process=False).wants_type(each) for each in (*WORK, *NOTICES)] == [
        True, True, False, False, False
    ]  # fmt: skip
    assert all(published(beyond_the_process=True).wants_type(each) for each in (*WORK, *NOTICES))
    assert not published(beyond_the_process=True).wants_type("hilum.instance.created.v1")
