"""Comparing what a subscription was to be told with what its far side has, file and Kafka."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from hilum.adapters.sinks.jsonl import JsonLinesOptions, JsonLinesSink
from hilum.adapters.sinks.kafka import KafkaSink
from hilum.adapters.sinks.kafka_producer import KafkaOptions
from hilum.adapters.sinks.topics import Topics
from hilum.delivery.reconciling import Reconcile, Reconciled
from hilum.delivery.rendering import FEED_TYPES, Renderer
from hilum.domain.delivery import EventFilter
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin
from tests.contract.index.kept import a_kept, scope, uids
from tests.engines import address
from tests.unit.delivery.world import EVERYTHING, World, locate, until_asked

Sink = JsonLinesSink | KafkaSink


@pytest.fixture(params=["file", "kafka"])
def make_sink(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Sink]:
    if request.param == "file":
        options = JsonLinesOptions(tmp_path / "events.jsonl", rotate_bytes=4096)
        return lambda: JsonLinesSink("file", options)
    prefix = f"reconcile-{uuid4().hex}."
    kafka = KafkaOptions([address("kafka").removeprefix("kafka://")], Topics(prefix=prefix))
    return lambda: KafkaSink("kafka", kafka)


class Leaky:
    """Passes on to a sink what `leak` lets through, and says that all went."""

    def __init__(self, sink: Sink, leak: Callable[[Sequence[Event]], Sequence[Event]]) -> None:
        self._sink = sink
        self._leak = leak

    async def open(self) -> None:
        await self._sink.open()

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        return await self._sink.send(self._leak(events))

    async def close(self) -> None:
        await self._sink.close()


async def tell(
    world: World,
    sink: Sink,
    leak: Callable[[Sequence[Event]], Sequence[Event]] = list,
    wanted: EventFilter = EVERYTHING,
) -> None:
    """Run the relay until it has told all of the feed."""
    last = await world.index.delivery.last_sequence()
    async with world.delivering(("all", Leaky(sink, leak), wanted)):

        async def done() -> bool:
            return await world.cursor() >= last

        await until_asked(done)


async def compare(world: World, sink: Sink, after: int = 0) -> Reconciled:
    index = world.index
    subscription = await index.delivery.subscriptions.get("all")
    assert subscription is not None
    renderer = Renderer(await index.feed_id(), index, locate)
    return await Reconcile(index, index.delivery, renderer)(
        subscription, sink, after=after, from_now=False
    )


async def test_what_was_told_agrees(world: World, make_sink: Callable[[], Sink]) -> None:
    await world.keep(*range(1, 40))
    await tell(world, make_sink())

    found = await compare(world, make_sink())

    assert found.agrees
    assert (found.expected, found.told, found.repeated, found.foreign) == (39, 39, 0, 0)


async def test_repeats_are_no_gap(world: World, make_sink: Callable[[], Sink]) -> None:
    await world.keep(*range(1, 6))
    await tell(world, make_sink())
    await world.index.delivery.subscriptions.replay("all", 2)
    await tell(world, make_sink())

    found = await compare(world, make_sink())

    assert found.agrees
    assert (found.told, found.repeated) == (5, 3)


async def test_each_gap_is_named(world: World, make_sink: Callable[[], Sink]) -> None:
    await world.keep(*range(1, 10))
    await tell(world, make_sink(), lambda events: [each for each in events if each.sequence != 4])

    found = await compare(world, make_sink())

    assert not found.agrees
    (gap,) = found.gaps
    entry = (await world.index.feed(3, 1))[0]
    assert (gap.problem, gap.sequence, gap.study) == ("missing", 4, entry.uids.study)
    assert gap.event_type == "hilum.instance.created.v1"
    assert (await compare(world, make_sink(), after=4)).agrees, "only above that is asked about"


async def test_disorder_within_a_study_is_named(
    world: World, make_sink: Callable[[], Sink]
) -> None:
    await world.keep(1, 2, 3)
    await tell(world, make_sink(), lambda events: list(reversed(events)))

    found = await compare(world, make_sink())

    assert found.counts == {"out-of-order": 2}
    assert [gap.sequence for gap in found.gaps] == [2, 1]


async def test_a_dead_letter_explains_what_is_missing(
    world: World, make_sink: Callable[[], Sink]
) -> None:
    sink = make_sink()

    class Refusing(Leaky):
        async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
            bad = [each for each in events if each.sequence == 2 and "dead" not in each.type]
            await self._sink.send([each for each in events if each not in bad])
            return [Rejected(each.event_id, "http-400", "It says no.") for each in bad]

    await world.keep(1, 2, 3)
    async with world.delivering(("all", Refusing(sink, list), EVERYTHING)):

        async def done() -> bool:
            return await world.cursor() >= 3

        await until_asked(done)

    found = await compare(world, make_sink())

    assert found.agrees
    assert (found.expected, found.told, found.dead) == (3, 2, 1)


async def test_a_filter_that_nobody_can_apply_any_more_makes_no_gap(
    world: World, make_sink: Callable[[], Sink]
) -> None:
    await world.index.commit([a_kept(uids(study=1), Modality="CT")])
    await world.index.commit([a_kept(uids(study=2), Modality="MR")])
    await tell(world, make_sink(), wanted=EventFilter(modalities=("CT",)))
    gone = Origin(Door.DELETE, "c-1")
    await world.index.delete(scope(uids(study=2), Level.STUDY), gone)

    assert (await compare(world, make_sink())).agrees


async def test_events_of_another_feed_are_told_apart(
    world: World, make_sink: Callable[[], Sink]
) -> None:
    await world.keep(1, 2)
    await tell(world, make_sink())
    stranger = Renderer("another", world.index, locate)
    sink = make_sink()
    await sink.open()
    await sink.send([stranger.instance(each) for each in await world.index.feed(0, 10)])
    await sink.close()

    found = await compare(world, make_sink())

    assert found.agrees
    assert (found.told, found.foreign) == (2, 2)


async def test_a_far_side_that_cannot_be_read_is_told(tmp_path: Path, world: World) -> None:
    await world.keep(1)
    path = tmp_path / "events.jsonl"
    await tell(world, JsonLinesSink("file", JsonLinesOptions(path)))
    path.write_bytes(b"no json\n")

    with pytest.raises(SinkUnavailable, match="cannot be read back"):
        await compare(world, JsonLinesSink("file", JsonLinesOptions(path)))

    nobody = KafkaSink("kafka", KafkaOptions(["127.0.0.1:1"], connect_seconds=1.0))
    with pytest.raises(SinkUnavailable, match="cannot be read back"):
        await compare(world, nobody)


async def test_a_torn_last_line_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"event_id": "half')
    events: AsyncIterator[object] = JsonLinesSink("f", JsonLinesOptions(path)).told(FEED_TYPES)

    assert [each async for each in events] == []
