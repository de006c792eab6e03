"""The memory of what sources offered, over every engine."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.arrivals import ArrivalState, Claimed, Seen, Settlement, SourceCursor, Told
from hilum.domain.identifiers import StudyInstanceUID
from tests.contract.index.engines import Engine

HOUR = timedelta(hours=1)
ONE_INSTANT = timedelta(milliseconds=50)


def now() -> datetime:
    return datetime.now(UTC)


def seen(source_id: str = "a", correlation_id: str = "c-1", **more: object) -> Seen:
    values: dict[str, object] = {"source": "main", "told": Told.WEBHOOK} | more
    return Seen(source_id=source_id, correlation_id=correlation_id, **values)  # type: ignore[arg-type]


async def claim(index: SqlIndex, worker: str = "w", limit: int = 10) -> list[Claimed]:
    return list(await index.arrivals.claim(worker, ["main"], limit, now() + HOUR))


async def settle(index: SqlIndex, claimed: Claimed, state: ArrivalState, **more: object) -> bool:
    settlement = Settlement(state, **({"attempts": 0} | more))  # type: ignore[arg-type]
    return await index.arrivals.settle("w", claimed.key, settlement)


async def state_of(index: SqlIndex, source_id: str = "a") -> ArrivalState:
    (found,) = await index.arrivals.arrivals(source="main", source_id=source_id)
    return found.state


async def test_noting_the_same_again_keeps_the_first_correlation_id(index: SqlIndex) -> None:
    (first,) = await index.arrivals.note([seen()])
    (second,) = await index.arrivals.note([seen(correlation_id="c-2")])

    assert first is not None
    assert second is not None
    assert (first.key, first.correlation_id) == (second.key, second.correlation_id)
    assert second.correlation_id == "c-1"
    assert len(await index.arrivals.arrivals()) == 1
    assert [one.correlation_id for one in await claim(index)] == ["c-1"]


async def test_a_claimed_arrival_is_nobody_elses(index: SqlIndex) -> None:
    await index.arrivals.note([seen("a"), seen("b")])

    (first,) = await claim(index, "one", 1)
    (second,) = await claim(index, "two", 5)

    assert {first.source_id, second.source_id} == {"a", "b"}
    assert await claim(index, "three") == []


async def test_processes_that_claim_at_once_share_without_overlap(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        await one.arrivals.note([seen(str(number)) for number in range(40)])

        rounds = await asyncio.gather(
            *(
                each.arrivals.claim(name, ["main"], 7, now() + HOUR)
                for _ in range(4)
                for name, each in (("one", one), ("two", two))
            )
        )

        ids = [claimed.source_id for claims in rounds for claimed in claims]
        assert len(ids) == len(set(ids))


async def test_only_the_sources_asked_for_are_claimed(index: SqlIndex) -> None:
    await index.arrivals.note([seen("a", source="other")])

    assert await claim(index) == []
    assert len(await index.arrivals.claim("w", ["other"], 5, now() + HOUR)) == 1


async def test_what_is_due_later_waits(index: SqlIndex) -> None:
    await index.arrivals.note([seen(due=now() + HOUR)])
    assert await claim(index) == []

    await index.arrivals.note([seen(correlation_id="c-2", told=Told.CHANGE)])

    (claimed,) = await claim(index)
    assert claimed.correlation_id == "c-1"


async def test_a_dead_workers_arrival_is_claimed_again(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (lost,) = await index.arrivals.claim("dead", ["main"], 5, now() - ONE_INSTANT)

    (found,) = await claim(index)

    assert (found.key, found.attempts) == (lost.key, 2)
    late = Settlement(ArrivalState.KEPT, attempts=0)
    assert await index.arrivals.settle("dead", lost.key, late) is False
    assert await state_of(index) is ArrivalState.FETCHING


async def test_a_lease_can_be_kept_by_its_worker_alone(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await index.arrivals.claim("w", ["main"], 5, now() - ONE_INSTANT)

    assert await index.arrivals.renew("other", [claimed.key], now() + HOUR) == []
    assert await index.arrivals.renew("w", [claimed.key], now() + HOUR) == [claimed.key]

    assert await claim(index) == []


async def test_a_settled_arrival_tells_its_story(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    study = StudyInstanceUID("1.2.3")
    await settle(
        index,
        claimed,
        ArrivalState.PARTIAL,
        study=study,
        instances=5,
        kept=4,
        failed=1,
        error="one is damaged",
        parts={"series": "digest"},
        reported="r",
        updated="u",
    )

    found = await index.arrivals.arrival(claimed.key)

    assert found is not None
    assert (found.state, found.study, found.due) == (ArrivalState.PARTIAL, study, None)
    assert (found.instances, found.kept, found.failed) == (5, 4, 1)
    assert [(step.state, step.text) for step in found.history] == [
        (ArrivalState.WAITING, "webhook"),
        (ArrivalState.FETCHING, ""),
        (ArrivalState.PARTIAL, "one is damaged"),
    ]
    assert await index.arrivals.arrival_counts() == {"main": {ArrivalState.PARTIAL: 1}}
    assert await claim(index) == []
    await index.arrivals.note([seen(correlation_id="c-2")])
    (again,) = await claim(index)
    assert (again.parts, again.reported, again.updated) == ({"series": "digest"}, "r", "u")
    assert (again.correlation_id, again.attempts, again.study) == ("c-2", 1, study)


async def test_a_history_is_bounded(index: SqlIndex) -> None:
    for _ in range(40):
        await index.arrivals.note([seen()])
        (claimed,) = await claim(index)
        await settle(index, claimed, ArrivalState.KEPT)

    found = await index.arrivals.arrival(claimed.key)

    assert found is not None
    assert len(found.history) == 50
    assert found.history[-1].state is ArrivalState.KEPT


async def test_who_speaks_during_a_visit_gets_another(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)

    (noted,) = await index.arrivals.note([seen(correlation_id="c-2")])
    await index.arrivals.note([seen(correlation_id="c-3")])

    assert noted is not None
    assert (noted.state, noted.correlation_id) == (ArrivalState.FETCHING, "c-2")
    assert await settle(index, claimed, ArrivalState.KEPT)
    (again,) = await claim(index)
    assert (again.correlation_id, again.attempts) == ("c-2", 1)
    assert await settle(index, again, ArrivalState.KEPT)
    assert await claim(index) == []


async def test_a_study_that_only_began_does_not_disturb_a_visit(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)

    await index.arrivals.note([seen("a", "c-2", told=Told.BEGUN, due=now() + HOUR)])

    await settle(index, claimed, ArrivalState.KEPT)
    assert await state_of(index) is ArrivalState.KEPT


async def test_retries_keep_their_count_and_their_time(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    await settle(index, claimed, ArrivalState.WAITING, attempts=1, due=now() + HOUR, error="later")
    assert await claim(index) == []

    (found,) = await index.arrivals.arrivals(state=ArrivalState.WAITING)
    assert (found.attempts, found.error) == (1, "later")
    await index.arrivals.note([seen()])
    (again,) = await claim(index)
    assert again.attempts == 2


@pytest.mark.parametrize("state", [ArrivalState.KEPT, ArrivalState.PARTIAL])
async def test_a_resync_leaves_alone_what_did_not_change(
    index: SqlIndex, state: ArrivalState
) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    await settle(index, claimed, state, updated="20260102T030405")

    resync = seen(told=Told.RESYNC, updated="20260102T030405")
    assert await index.arrivals.note([resync]) == [None]
    assert await claim(index) == []

    (changed,) = await index.arrivals.note([seen(told=Told.RESYNC, updated="20260102T030406")])
    assert changed is not None
    assert len(await claim(index)) == 1


async def test_a_resync_tries_again_what_failed(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    await settle(index, claimed, ArrivalState.FAILED)

    await index.arrivals.note([seen(told=Told.RESYNC, updated="20260102T030405")])

    assert len(await claim(index)) == 1


async def test_force_lasts_until_the_arrival_is_settled(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    await settle(index, claimed, ArrivalState.KEPT, updated="u", parts={"s": "d"})
    assert claimed.force is False

    await index.arrivals.note([seen(told=Told.RESYNC, updated="u", force=True)])
    (claimed,) = await claim(index)
    await settle(index, claimed, ArrivalState.WAITING, attempts=1, due=now())
    (again,) = await claim(index)
    await settle(index, again, ArrivalState.KEPT)
    await index.arrivals.note([seen()])
    (last,) = await claim(index)

    assert [claimed.force, again.force, last.force] == [True, True, False]


async def test_force_has_failures_told_again_that_were_told(index: SqlIndex) -> None:
    await index.arrivals.note([seen()])
    (claimed,) = await claim(index)
    await settle(index, claimed, ArrivalState.PARTIAL, reported="r")

    await index.arrivals.note([seen(told=Told.OPERATOR, force=True)])
    (forced,) = await claim(index)
    await index.arrivals.note([seen(told=Told.OPERATOR, force=True)])
    await settle(index, forced, ArrivalState.PARTIAL, reported="r")
    (while_fetched,) = await claim(index)
    await settle(index, while_fetched, ArrivalState.PARTIAL, reported="r")
    await index.arrivals.note([seen()])
    (called,) = await claim(index)

    assert (forced.reported, while_fetched.reported, called.reported) == ("", "", "r")


async def test_pages_of_arrivals_go_down_from_the_newest(index: SqlIndex) -> None:
    await index.arrivals.note([seen(str(number)) for number in range(5)])

    first = await index.arrivals.arrivals(limit=3)
    rest = await index.arrivals.arrivals(limit=3, before=first[-1].key)

    assert [each.source_id for each in [*first, *rest]] == ["4", "3", "2", "1", "0"]
    assert await index.arrivals.arrival(10**9) is None


async def test_one_process_follows_a_source_until_its_right_ends(index: SqlIndex) -> None:
    taken = await index.arrivals.follow("main", "one", now() + HOUR)

    assert taken == SourceCursor("main")
    assert await index.arrivals.follow("main", "two", now() + HOUR) is None
    assert await index.arrivals.follow("main", "one", now() - ONE_INSTANT) == taken
    assert await index.arrivals.follow("main", "two", now() + HOUR) == taken
    assert await index.arrivals.follow("main", "one", now() + HOUR) is None


async def test_cursor_and_notes_are_saved_together_or_not_at_all(index: SqlIndex) -> None:
    await index.arrivals.follow("main", "one", now() + HOUR)
    moved = SourceCursor("main", 7, "mark", 10, True, now().replace(microsecond=0), "")

    assert await index.arrivals.advance(moved, "two", [seen()]) is False
    assert list(await index.arrivals.arrivals()) == []
    assert await index.arrivals.advance(moved, "one", [seen()]) is True

    assert list(await index.arrivals.cursors()) == [moved]
    assert await state_of(index) is ArrivalState.WAITING


async def test_a_resync_that_is_asked_for_meanwhile_is_not_lost(index: SqlIndex) -> None:
    cursor = await index.arrivals.follow("main", "one", now() + HOUR)
    assert cursor is not None
    await index.arrivals.ask_resync("main", force=True)
    await index.arrivals.ask_resync("main", force=False)
    await index.arrivals.advance(SourceCursor("main", 3, "m"), "one")

    found = await index.arrivals.follow("main", "one", now() + HOUR)

    assert found == SourceCursor("main", 3, "m", 0, True)
    again = await index.arrivals.follow("main", "one", now() + HOUR)
    assert again == found


async def test_a_resync_may_be_asked_for_before_anybody_followed(index: SqlIndex) -> None:
    await index.arrivals.ask_resync("main", force=False)

    assert await index.arrivals.follow("main", "one", now() + HOUR) == SourceCursor(
        "main", -1, "", 0, False
    )


@pytest.mark.parametrize("whose", ["w", None])
async def test_what_a_worker_abandons_can_be_claimed_at_once(
    index: SqlIndex, whose: str | None
) -> None:
    await index.arrivals.note([seen("a"), seen("b")])
    (mine,) = await claim(index, "w", 1)
    (other,) = await claim(index, "other", 1)
    await index.arrivals.follow("main", "w", now() + HOUR)

    await index.arrivals.abandon(whose)

    free = {each.key for each in await claim(index, "third")}
    assert free == ({mine.key} if whose else {mine.key, other.key})
    assert await index.arrivals.follow("main", "third", now() + HOUR) is not None
