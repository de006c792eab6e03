"""From the feed to a sink: everything, in order, through outages, crashes and poison."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from hilum.delivery.options import Backoff, RelayOptions
from hilum.domain.delivery import EventFilter, LetterState
from hilum.domain.errors import ArchiveUnavailable, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.domain.identifiers import DEFAULT_PARTITION, PartitionKey
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin
from hilum.ports.announcing import StableBecause, StableStudy
from hilum.ports.delivery import LetterQuery
from tests.contract.index.kept import a_kept, scope, uids
from tests.unit.delivery.world import (
    EVERYTHING,
    PATIENCE_SECONDS,
    ScriptedSink,
    WallClock,
    World,
    takes_all,
    until,
    until_asked,
)


def refusing(*sequences: int) -> Any:
    async def script(events: Sequence[Event]) -> Sequence[Rejected]:
        return [
            Rejected(event.event_id, "http-400", "It says no.")
            for event in events
            if event.sequence in sequences and event.type.startswith("hilum.instance")
        ]

    return script


async def letters(world: World, **query: Any) -> list[Any]:
    return list(await world.index.delivery.letters.list(LetterQuery(**query), 0, 100))


async def test_everything_is_told_once_in_the_order_of_the_feed(world: World) -> None:
    sink = ScriptedSink()
    await world.keep(*range(1, 8))
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 7)
        await world.keep(8)
        await until(lambda: len(sink.told) == 8)

    assert sink.sequences == list(range(1, 9))
    assert not sink.is_open
    assert await world.cursor() == 8
    async with world.delivering(("all", sink, EVERYTHING)):
        await world.keep(9)
        await until(lambda: len(sink.told) == 9)
    assert sink.sequences == list(range(1, 10))


async def test_who_is_in_no_hurry_lets_entries_gather_and_is_told_all_of_them(
    world: World,
) -> None:
    sink = ScriptedSink()
    await world.keep(1)
    world.clock = WallClock()
    async with world.delivering(
        ("all", sink, EVERYTHING), rest_seconds=3600, drain_seconds=PATIENCE_SECONDS
    ):
        await until(lambda: len(sink.told) == 1)
        for number in range(2, 9):  # each is a commit of its own
            await world.keep(number)

    assert sink.sequences == list(range(1, 9))  # at the end nobody rests
    assert sink.sends == 2


async def test_an_event_says_what_the_feed_says(world: World) -> None:
    sink = ScriptedSink()
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 1)

    (event,) = sink.told
    (entry,) = await world.index.feed(0, 10)
    assert (event.type, event.key) == ("hilum.instance.created.v1", uids().study)
    assert event.correlation_id == entry.correlation_id
    body = orjson.loads(event.body)
    assert body["event_id"] == event.event_id
    assert body["sop_instance_uid"] == uids().sop_instance
    assert body["feed"] == await world.index.feed_id()


@pytest.mark.slow
async def test_an_outage_of_an_hour_costs_nothing_but_delay(world: World) -> None:
    async def down_for_an_hour(_events: Sequence[Event]) -> Sequence[Rejected]:
        if world.clock.seconds < 3600:
            raise SinkUnavailable("The broker is away.")
        return []

    sink = ScriptedSink(down_for_an_hour)
    await world.keep(*range(1, 4))
    async with world.delivering(("all", sink, EVERYTHING)) as delivery:
        await until(lambda: sink.sends > 3)
        assert delivery.unavailable == {"all": True}
        await world.keep(4)
        await until(lambda: len(sink.told) == 4)
        assert delivery.unavailable == {"all": False}

    assert sink.sequences == [1, 2, 3, 4]
    assert world.clock.seconds < 3600 + 60
    assert 3600 / 30 <= sink.sends < 3600 / 15 + 20, "neither hammered nor forgotten"
    assert await letters(world) == []


async def test_what_fails_is_noted_for_people_and_forgotten_later(world: World) -> None:
    async def down(_events: Sequence[Event]) -> Sequence[Rejected]:
        raise SinkUnavailable("The broker is away.")

    sink = ScriptedSink(down)
    subscriptions = world.index.delivery.subscriptions
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: sink.sends > 2)
        held = await subscriptions.get("all")
        assert held is not None
        assert held.last_error == "The broker is away."
        assert held.attempts >= 1
        sink.script = takes_all

        async def recovered() -> bool:
            found = await subscriptions.get("all")
            return found is not None and found.last_error is None

        await until_asked(recovered)


async def test_a_crash_between_sending_and_saving_repeats_with_the_same_ids(world: World) -> None:
    sink = ScriptedSink()
    subscriptions = world.index.delivery.subscriptions
    save = subscriptions.save

    async def dies(_progress: object) -> bool:
        raise ArchiveUnavailable("The process is gone.")

    await world.keep(*range(1, 6))
    subscriptions.save = dies  # type: ignore[method-assign, assignment]
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) >= 5)
    subscriptions.save = save  # type: ignore[method-assign]
    before = [event.event_id for event in sink.told[:5]]
    assert await world.cursor() == 0

    again = ScriptedSink()
    async with world.delivering(("all", again, EVERYTHING)):
        await until(lambda: len(again.told) == 5)

    assert [event.event_id for event in again.told] == before
    assert [event.body for event in again.told] == [event.body for event in sink.told[:5]]


async def test_poison_becomes_a_row_then_a_copy_and_the_next_ones_go(world: World) -> None:
    rows_when_copied: list[int] = []

    async def script(events: Sequence[Event]) -> Sequence[Rejected]:
        if any(event.type == "hilum.dead-letter.v1" for event in events):
            rows_when_copied.append(len(await letters(world)))
        return await refusing(2)(events)

    sink = ScriptedSink(script)
    await world.keep(1, 2, 3)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 3)
        await world.keep(4)
        await until(lambda: len(sink.told) == 4)

    assert sorted(sink.sequences) == [1, 2, 3, 4]
    assert rows_when_copied == [1]
    (letter,) = await letters(world)
    assert (letter.state, letter.cause, letter.sequence, letter.attempts) == (
        LetterState.OPEN, "http-400", 2, 1,
    )  # fmt: skip
    assert letter.copied is not None
    (copy,) = [event for event in sink.told if event.type == "hilum.dead-letter.v1"]
    body = orjson.loads(copy.body)
    assert body["original_event_id"] == letter.event_id
    assert body["original_payload"]["sop_instance_uid"] == uids(instance=2).sop_instance
    assert body["error_class"] == "http-400"
    assert copy.key == letter.event_key
    assert await world.cursor() == 4


async def test_a_copy_that_is_refused_too_is_given_up(world: World) -> None:
    async def refuses(events: Sequence[Event]) -> Sequence[Rejected]:
        return [Rejected(event.event_id, "message-too-large", "Too large.") for event in events]

    sink = ScriptedSink(refuses)
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):

        async def copied() -> bool:
            found = await letters(world)
            return bool(found) and found[0].copied is not None

        await until_asked(copied)
    assert sink.told == []
    assert len(await letters(world)) == 1


async def test_an_event_that_makes_the_sink_stumble_is_found_and_passed(world: World) -> None:
    async def stumbles(events: Sequence[Event]) -> Sequence[Rejected]:
        if any(event.sequence == 3 and "dead" not in event.type for event in events):
            message = "a bug of the sink"
            raise ZeroDivisionError(message)
        return []

    sink = ScriptedSink(stumbles)
    await world.keep(*range(1, 6))
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: {1, 2, 4, 5} <= set(sink.sequences) and len(sink.told) == 5)

    (letter,) = await letters(world)
    assert (letter.sequence, letter.cause) == (3, "sink-error")


async def test_a_payload_that_cannot_be_understood_becomes_a_dead_letter(world: World) -> None:
    sink = ScriptedSink()
    await world.keep(1)
    stable = StableStudy(DEFAULT_PARTITION, uids().study, StableBecause.SOURCE, "c-1")
    await world.index.delivery.study_stable(stable)
    real = world.index.feed

    async def damaged(after: int, limit: int) -> Any:
        page = await real(after, limit)
        return [replace(each, payload="{") if each.payload else each for each in page]

    world.index.feed = damaged  # type: ignore[method-assign]
    async with world.delivering(("all", sink, EVERYTHING)):

        async def filed() -> bool:
            return len(await letters(world)) == 2

        await until_asked(filed)
        await world.keep(2)
        await until(lambda: uids(instance=2).sop_instance.encode() in sink.told[-1].body)

    causes = {(each.event_type, each.cause) for each in await letters(world)}
    assert causes == {
        ("hilum.study.stable.v1", "cannot-render"),
        ("dicom.metadata.v1", "cannot-render"),
    }


async def test_a_database_that_is_away_is_waited_for(world: World) -> None:
    sink = ScriptedSink()
    real, away = world.index.feed, True

    async def unreliable(after: int, limit: int) -> Any:
        if away:
            raise ArchiveUnavailable("The database is away.")
        return await real(after, limit)

    world.index.feed = unreliable  # type: ignore[method-assign]
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)) as delivery:
        await until(lambda: world.clock.seconds > 60)
        assert sink.told == []
        assert delivery.alive
        away = False
        await until(lambda: sink.sequences == [1])


async def test_a_dead_letter_is_filed_although_the_database_was_away_just_then(
    world: World,
) -> None:
    sink = ScriptedSink(refusing(2))
    subscriptions = world.index.delivery.subscriptions
    real, failures = subscriptions.reject, 0

    async def unreliable(progress: Any, filed: Any) -> bool:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise ArchiveUnavailable("The database is away.")
        return await real(progress, filed)

    subscriptions.reject = unreliable  # type: ignore[method-assign]
    await world.keep(1, 2, 3)
    async with world.delivering(("all", sink, EVERYTHING)):

        async def filed() -> bool:
            return len(await letters(world)) == 1

        await until_asked(filed)
        await until(lambda: {1, 2, 3} <= set(sink.sequences))
    assert (await letters(world))[0].sequence == 2


async def test_nothing_is_repeated_without_a_crash(world: World) -> None:
    sink = ScriptedSink()
    subscriptions = world.index.delivery.subscriptions
    for number in range(1, 9):
        await world.keep(number)
        async with world.delivering(("all", sink, EVERYTHING)):
            await until(lambda count=number: len(sink.told) == count)  # type: ignore[misc]
            if number % 2:
                await subscriptions.pause("all")
                await subscriptions.resume("all")
    assert sink.sequences == list(range(1, 9))


# Commands


async def test_a_paused_subscription_tells_nothing_until_it_is_resumed(world: World) -> None:
    sink = ScriptedSink()
    subscriptions = world.index.delivery.subscriptions
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: sink.sequences == [1])
        await subscriptions.pause("all")
        later = world.clock.seconds + 5
        await until(lambda: world.clock.seconds > later)
        await world.keep(2)
        later = world.clock.seconds + 60
        await until(lambda: world.clock.seconds > later)
        assert sink.sequences == [1]
        await subscriptions.resume("all")
        await until(lambda: sink.sequences == [1, 2])


async def test_a_subscription_paused_in_an_outage_stays_paused(world: World) -> None:
    async def down(_events: Sequence[Event]) -> Sequence[Rejected]:
        raise SinkUnavailable("The broker is away.")

    sink = ScriptedSink(down)
    subscriptions = world.index.delivery.subscriptions
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: sink.sends > 1)
        await subscriptions.pause("all")
        later = world.clock.seconds + 5
        await until(lambda: world.clock.seconds > later)
        sends = sink.sends
        later = world.clock.seconds + 300
        await until(lambda: world.clock.seconds > later)
        assert sink.sends == sends


async def test_replaying_tells_everything_above_a_sequence_again(world: World) -> None:
    sink = ScriptedSink()
    await world.keep(*range(1, 6))
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 5)
        first = [event.event_id for event in sink.told]
        await world.index.delivery.subscriptions.replay("all", 3)
        await until(lambda: len(sink.told) == 7)
        await world.keep(6)
        await until(lambda: len(sink.told) == 8)

    assert sink.sequences == [1, 2, 3, 4, 5, 4, 5, 6]
    assert [event.event_id for event in sink.told[5:7]] == first[3:]


async def test_a_dead_letter_is_replayed_redirected_or_discarded(world: World) -> None:
    sink, other = ScriptedSink(refusing(1, 2, 3)), ScriptedSink()
    nothing = EventFilter(types=("none",))
    await world.keep(1, 2, 3)
    decide = world.index.delivery.letters.decide
    async with world.delivering(("all", sink, EVERYTHING), ("other", other, nothing)):

        async def filed() -> bool:
            return len(await letters(world)) == 3

        await until_asked(filed)
        one, two, three = await letters(world)
        sink.script = takes_all
        assert await decide(LetterQuery(keys=[one.key]), LetterState.REPLAYING) == 1
        await decide(LetterQuery(keys=[two.key]), LetterState.REDIRECTING, target="other")
        await decide(LetterQuery(keys=[three.key]), LetterState.DISCARDED, reason="a test")

        async def settled() -> bool:
            return [each.state for each in await letters(world)] == [
                LetterState.REPLAYED,
                LetterState.REDIRECTED,
                LetterState.DISCARDED,
            ]

        await until_asked(settled)

    told = [event for event in sink.told if event.type.startswith("hilum.instance")]
    assert [event.event_id for event in told] == [one.event_id]
    assert [event.event_id for event in other.told] == [two.event_id]
    assert (await letters(world))[2].reason == "a test"


async def test_a_dead_letter_that_is_refused_again_is_open_again(world: World) -> None:
    sink = ScriptedSink(refusing(1))
    await world.keep(1)
    async with world.delivering(("all", sink, EVERYTHING)):

        async def attempts(count: int) -> bool:
            found = await letters(world)
            return bool(found) and (found[0].attempts, found[0].state) == (count, LetterState.OPEN)

        await until_asked(lambda: attempts(1))
        await world.index.delivery.letters.decide(LetterQuery(), LetterState.REPLAYING)
        await until_asked(lambda: attempts(2))


# Filters


@pytest.mark.parametrize(
    ("wanted", "sequences"),
    [
        (EVERYTHING, [1, 2, 3, 4]),
        (EventFilter(types=("hilum.instance.deleted.*",)), [4]),
        (EventFilter(types=("hilum.instance.*",)), [1, 2, 3, 4]),
        (EventFilter(types=("dicom.metadata.v1",)), []),
        (EventFilter(partitions=(PartitionKey(2),)), []),
        (EventFilter(partitions=(DEFAULT_PARTITION,)), [1, 2, 3, 4]),
        (EventFilter(modalities=("CT",)), [1, 3, 4]),
        (EventFilter(modalities=("MR",)), [2, 3, 4]),
        (EventFilter(sources=("10.0.0.1",)), [2, 3, 4]),
        (EventFilter(sources=("stow",), modalities=("MR",)), [3, 4]),
    ],
)
async def test_a_filter_lets_through_what_is_wanted(
    world: World, wanted: EventFilter, sequences: list[int]
) -> None:
    sink = ScriptedSink()
    dimse = Origin(Door.C_STORE, "c-2", "10.0.0.1")
    await world.index.commit([a_kept(uids(study=1), Modality="CT")])
    await world.index.commit([a_kept(uids(study=2), Modality="MR", origin=dimse)])
    await world.index.commit([a_kept(uids(study=3), Modality="US")])
    await world.index.delete(scope(uids(study=3), Level.STUDY), dimse)
    async with world.delivering(("all", sink, wanted)):

        async def at_the_end() -> bool:
            return await world.cursor() == 4

        await until_asked(at_the_end)

    assert sink.sequences == sequences, "nobody knows the modality of what was deleted"


# Beginning and end


async def test_the_end_tells_what_is_in_the_feed(world: World) -> None:
    sink = ScriptedSink()
    world.options = replace(world.options, page_entries=2, batch_events=2)
    async with world.delivering(("all", sink, EVERYTHING)):
        await world.keep(*range(1, 40))
    assert sink.sequences == list(range(1, 40))
    assert await world.cursor() == 39


async def test_the_end_does_not_wait_for_a_sink_that_is_down(world: World) -> None:
    async def down(_events: Sequence[Event]) -> Sequence[Rejected]:
        raise SinkUnavailable("The broker is away.")

    await world.keep(1)
    async with asyncio.timeout(4):
        async with world.delivering(("all", ScriptedSink(down), EVERYTHING), drain_seconds=60):
            pass
    assert await world.cursor() == 0


async def test_the_end_cuts_short_a_sink_that_hangs(world: World) -> None:
    async def hangs(_events: Sequence[Event]) -> Sequence[Rejected]:
        await asyncio.sleep(3600)
        return []

    await world.keep(1)
    sink = ScriptedSink(hangs)
    async with asyncio.timeout(4):
        async with world.delivering(("all", sink, EVERYTHING), drain_seconds=0.05):
            await until(lambda: sink.sends == 1)
    assert not sink.is_open


# Leases


async def test_of_two_processes_one_tells_and_the_other_takes_over(world: World) -> None:
    one, two = ScriptedSink(), ScriptedSink()
    world.clock = WallClock()
    await world.keep(1)
    async with world.delivering(("all", two, EVERYTHING), holder="two", lease_seconds=3.0):
        await until(lambda: two.sequences == [1])
        async with world.delivering(("all", one, EVERYTHING), holder="one", lease_seconds=3.0):
            await world.keep(2)
            await until(lambda: two.sequences == [1, 2])
        assert one.told == []
    async with world.delivering(("all", one, EVERYTHING), holder="one", lease_seconds=3.0):
        await world.keep(3)
        await until(lambda: one.sequences == [3])


def test_pauses_double_up_to_the_longest_and_vary_by_chance() -> None:
    longest = Backoff(0.2, 30.0, chance=lambda: 0.0)
    assert [longest.next() for _ in range(9)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    longest.failures = 10_000
    assert longest.next() == 30.0
    assert Backoff(0.2, 30.0, chance=lambda: 1.0).next() == 0.1
    longest.reset()
    assert longest.next() == 0.2


async def test_a_batch_is_bounded_by_events_and_by_bytes(world: World) -> None:
    sizes: list[int] = []

    async def notes(events: Sequence[Event]) -> Sequence[Rejected]:
        sizes.append(len(events))
        return []

    world.options = RelayOptions(batch_events=3)
    await world.keep(*range(1, 8))
    sink = ScriptedSink(notes)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 7)
    assert sizes == [3, 3, 1]

    sizes.clear()
    world.options = RelayOptions(batch_bytes=1)
    async with world.delivering(("bytes", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 14)
    assert sizes == [1] * 7
