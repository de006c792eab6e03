"""What delivery remembers, and facts about studies in the feed, over every engine."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.delivery import (
    DeadLetter,
    EventFilter,
    LetterOrigin,
    LetterState,
    SubscriptionState,
)
from hilum.domain.identifiers import DEFAULT_PARTITION, Scope
from hilum.domain.instances import Kept
from hilum.domain.records import FeedKind
from hilum.ports.announcing import (
    ExpectedStudy,
    IngestionFailure,
    StableBecause,
    StableStudy,
)
from hilum.ports.delivery import LetterQuery, Progress, Quiet
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, uids

SECOND = 1_000_000
STUDY = uids().study
QUIET = Quiet(60.0, (("US", 5.0), ("MR", 90.0)), 600.0)


class Clock:
    """Microseconds that only move when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(engine: Engine, clock: Clock):  # noqa: ANN201
    async with engine.open(now=clock) as index:
        yield index


def kept(instance: int) -> Kept:
    """The instance of this number of one study, with that number as its version too."""
    return a_kept(uids(instance=instance), version=instance)


def stable(because: StableBecause = StableBecause.SOURCE, failed: int = 0) -> StableStudy:
    return StableStudy(DEFAULT_PARTITION, STUDY, because, "corr-stable", "orthanc-a", failed)


async def test_a_stable_study_is_told_once_for_each_of_its_states(timed: SqlIndex) -> None:
    announce = timed.delivery.study_stable
    assert await announce(stable()) is False, "nothing of the study is held"
    await timed.commit([kept(1)])

    assert await announce(stable()) is True
    assert await announce(stable()) is False
    await timed.commit([kept(2)])
    assert await announce(stable()) is True

    facts = [each for each in await timed.feed(0, 10) if each.kind is FeedKind.STUDY_STABLE]
    told = [orjson.loads(each.payload or "") for each in facts]
    assert [each["revision"] for each in told] == [1, 2]
    assert [each["number_of_instances"] for each in told] == [1, 2]
    assert {each["source"] for each in told} == {"orthanc-a"}
    assert [(each.uids.study, each.uids.series, each.uids.sop_instance) for each in facts] == [
        (STUDY, "", "")
    ] * 2
    assert [each.version for each in facts] == [1, 2]
    assert facts[0].correlation_id == "corr-stable"


async def test_what_failed_later_is_told_by_another_revision(timed: SqlIndex) -> None:
    await timed.commit([kept(1)])

    assert await timed.delivery.study_stable(stable(failed=0)) is True
    assert await timed.delivery.study_stable(stable(failed=2)) is True
    assert await timed.delivery.study_stable(stable(StableBecause.QUIET)) is False

    payload = orjson.loads((await timed.feed(0, 10))[-1].payload or "")
    assert (payload["revision"], payload["failed_instances"]) == (2, 2)


async def test_processes_that_announce_a_study_at_once_announce_it_once(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as other:
        await one.commit([kept(1)])

        told = await asyncio.gather(
            *(index.delivery.study_stable(stable()) for index in (one, other) * 5)
        )

        assert sum(told) == 1
        kinds = [each.kind for each in await one.feed(0, 100)]
        assert kinds.count(FeedKind.STUDY_STABLE) == 1


async def test_a_failed_ingestion_is_in_the_feed_and_among_the_dead_letters(
    timed: SqlIndex, clock: Clock
) -> None:
    failure = IngestionFailure(
        "orthanc-a",
        "abc-def",
        "Storage write failure",
        "keep",
        "ArchiveFull",
        "No space.",
        3,
        "c-1",
    )
    await timed.delivery.ingestion_failed(failure)
    clock.forward(10)
    await timed.delivery.ingestion_failed(replace(failure, attempt=6, reason="DB write failure"))

    entries = await timed.feed(0, 10)
    assert [each.kind for each in entries] == [FeedKind.INGESTION_FAILED] * 2
    first, second = (orjson.loads(each.payload or "") for each in entries)
    assert first["first_failed"] == second["first_failed"]
    (letter,) = await timed.delivery.letters.list(LetterQuery(), 0, 10)
    assert (letter.origin, letter.subject, letter.event_id) == (
        LetterOrigin.INGESTION,
        "orthanc-a",
        "abc-def",
    )
    assert (letter.cause, letter.attempts) == ("DB write failure", 6)
    assert letter.last_failed - letter.first_failed == timedelta(seconds=10)


# Subscriptions


async def declare(index: SqlIndex, name: str = "hook", **options: object):  # noqa: ANN201
    wanted = EventFilter(("hilum.*",), (DEFAULT_PARTITION,), ("CT",), ("stow",))
    return await index.delivery.subscriptions.declare(name, "sink", wanted, from_now=False)


async def test_a_subscription_keeps_its_place_through_redeclaration(timed: SqlIndex) -> None:
    subscriptions = timed.delivery.subscriptions
    made = await declare(timed)
    assert (made.cursor, made.state, made.filter.modalities) == (
        0,
        SubscriptionState.RUNNING,
        ("CT",),
    )
    taken = await subscriptions.take("hook")
    assert await subscriptions.save(Progress("hook", taken.epoch, 41, sent=7))

    again = await subscriptions.declare("hook", "other", EventFilter(), from_now=True)

    assert (again.cursor, again.sent, again.sink, again.filter) == (41, 7, "other", EventFilter())
    assert [each.name for each in await subscriptions.list()] == ["hook"]


async def test_a_subscription_from_now_begins_at_the_end(timed: SqlIndex) -> None:
    await timed.commit([kept(1), kept(2)])
    last = (await timed.feed(0, 10))[-1].sequence

    made = await timed.delivery.subscriptions.declare("n", "s", EventFilter(), from_now=True)

    assert made.cursor == last == await timed.delivery.last_sequence()


async def test_who_was_overtaken_cannot_move_the_cursor(timed: SqlIndex) -> None:
    subscriptions = timed.delivery.subscriptions
    await declare(timed)
    old = await subscriptions.take("hook")
    new = await subscriptions.take("hook")

    assert await subscriptions.save(Progress("hook", old.epoch, 5)) is False
    assert await subscriptions.reject(Progress("hook", old.epoch, 5), [letter()]) is False
    assert await subscriptions.save(Progress("hook", new.epoch, 6)) is True
    await subscriptions.replay("hook", 2)
    assert await subscriptions.save(Progress("hook", new.epoch, 7)) is False
    held = await subscriptions.get("hook")
    assert held is not None
    assert held.cursor == 2
    assert await timed.delivery.letters.list(LetterQuery(), 0, 10) == []


async def test_pausing_and_resuming_are_remembered(timed: SqlIndex) -> None:
    subscriptions = timed.delivery.subscriptions
    await declare(timed)

    assert await subscriptions.pause("hook")
    assert (await declare(timed)).state is SubscriptionState.PAUSED
    assert await subscriptions.resume("hook")
    assert (await declare(timed)).state is SubscriptionState.RUNNING
    assert not await subscriptions.pause("nobody")
    assert await subscriptions.remove("hook")
    assert await subscriptions.get("hook") is None


async def test_failures_are_noted_and_forgotten_with_the_next_success(timed: SqlIndex) -> None:
    subscriptions = timed.delivery.subscriptions
    epoch = (await declare(timed)).epoch
    again = datetime(2026, 1, 1, tzinfo=UTC)

    await subscriptions.fail("hook", "The broker is down.", 3, again)

    held = await subscriptions.get("hook")
    assert held is not None
    assert (held.attempts, held.next_attempt, held.last_error) == (3, again, "The broker is down.")
    await subscriptions.save(Progress("hook", epoch, 1))
    held = await subscriptions.get("hook")
    assert held is not None
    assert (held.attempts, held.next_attempt, held.last_error) == (0, None, None)


# Dead letters


def letter(event_id: str = "e-1", cause: str = "http-400", subject: str = "hook") -> DeadLetter:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return DeadLetter(
        0, LetterOrigin.SUBSCRIPTION, subject, 9, event_id, "hilum.instance.created.v1", STUDY,
        "c-1", cause, "It says no.", 1, moment, moment, headers={"event_id": event_id},
        body=b'{"a":1}',
    )  # fmt: skip


async def file(index: SqlIndex, *letters: DeadLetter) -> None:
    epoch = (await declare(index)).epoch
    assert await index.delivery.subscriptions.reject(Progress("hook", epoch, 9), letters)


async def test_a_dead_letter_is_filed_with_the_cursor_that_passed_it(timed: SqlIndex) -> None:
    await file(timed, letter("e-1"), letter("e-2"))
    await file(timed, letter("e-1"))

    held = await timed.delivery.subscriptions.get("hook")
    assert held is not None
    assert (held.cursor, held.rejected) == (9, 3)
    first, second = await timed.delivery.letters.list(LetterQuery(), 0, 10)
    assert (first.event_id, first.attempts, second.attempts) == ("e-1", 2, 1)
    assert first.body == b""
    whole = await timed.delivery.letters.get(first.key)
    assert whole is not None
    assert (whole.body, whole.headers) == (b'{"a":1}', {"event_id": "e-1"})
    assert await timed.delivery.letters.get(10_000) is None


async def test_dead_letters_are_decided_singly_or_by_cause(timed: SqlIndex) -> None:
    letters = timed.delivery.letters
    await file(timed, letter("e-1"), letter("e-2"), letter("e-3", "too-large"))
    keys = [each.key for each in await letters.list(LetterQuery(), 0, 10)]

    assert await letters.decide(LetterQuery(cause="http-400"), LetterState.REPLAYING) == 2
    assert (
        await letters.decide(LetterQuery(keys=keys[2:]), LetterState.DISCARDED, reason="known") == 1
    )
    assert await letters.decide(LetterQuery(keys=[]), LetterState.DISCARDED) == 0
    assert await letters.decide(LetterQuery(keys=keys[2:]), LetterState.REPLAYING) == 0, "decided"
    await letters.settle(keys[0], LetterState.REPLAYED)
    await letters.settle(keys[1], LetterState.OPEN, "http-422", "Still no.")

    states = [
        (each.state, each.cause, each.reason) for each in await letters.list(LetterQuery(), 0, 9)
    ]
    assert states == [
        (LetterState.REPLAYED, "http-400", ""),
        (LetterState.OPEN, "http-422", ""),
        (LetterState.DISCARDED, "too-large", "known"),
    ]
    assert (await letters.counts())[
        LetterOrigin.SUBSCRIPTION, "hook", LetterState.OPEN, "http-422"
    ] == 1
    await letters.copied(keys[:2])
    uncopied = await letters.list(LetterQuery(uncopied=True, subject="hook"), 0, 10)
    assert [each.key for each in uncopied] == keys[2:]


# Studies coming to rest


async def note(index: SqlIndex) -> None:
    subscriptions = index.delivery.subscriptions
    follower = await subscriptions.declare("stable", "", EventFilter(), from_now=False)
    page = await index.feed(follower.cursor, 1000)
    if page:
        progress = Progress("stable", follower.epoch, page[-1].sequence)
        assert await index.delivery.watches.note(page, progress, QUIET)


async def due(index: SqlIndex) -> list[str]:
    return [each.because for each in await index.delivery.watches.due(10, QUIET)]


async def test_a_study_is_due_after_its_quiet_time(timed: SqlIndex, clock: Clock) -> None:
    await timed.commit([kept(1)])
    await note(timed)
    clock.forward(59)
    assert await due(timed) == []
    await timed.commit([kept(2)])
    await note(timed)
    clock.forward(59)
    assert await due(timed) == []
    clock.forward(1)
    assert await due(timed) == ["quiet"]
    assert await timed.delivery.watches.waiting() == 1

    (study,) = await timed.delivery.watches.due(10, QUIET)
    assert await timed.delivery.watches.announce(study) is True
    assert await timed.delivery.watches.announce(study) is False
    assert await due(timed) == []
    assert await timed.delivery.watches.waiting() == 0
    assert (await timed.feed(0, 10))[-1].kind is FeedKind.STUDY_STABLE


async def test_an_instance_that_was_not_noted_yet_puts_it_off(
    timed: SqlIndex, clock: Clock
) -> None:
    await timed.commit([kept(1)])
    await note(timed)
    clock.forward(60)
    (study,) = await timed.delivery.watches.due(10, QUIET)
    await timed.commit([kept(2)])

    assert await timed.delivery.watches.announce(study) is False

    assert await due(timed) == []
    clock.forward(60)
    (study,) = await timed.delivery.watches.due(10, QUIET)
    assert await timed.delivery.watches.announce(study) is True


async def test_a_late_instance_reopens_it_and_a_delete_of_all_ends_it(
    timed: SqlIndex, clock: Clock
) -> None:
    for version in (1, 2):
        await timed.commit([kept(version)])
        await note(timed)
        clock.forward(60)
        (study,) = await timed.delivery.watches.due(10, QUIET)
        assert await timed.delivery.watches.announce(study) is True
    payload = orjson.loads((await timed.feed(0, 10))[-1].payload or "")
    assert payload["revision"] == 2

    await timed.delete(Scope(STUDY), ORIGIN)
    await note(timed)

    clock.forward(3600)
    assert await due(timed) == []


async def test_the_expected_count_makes_it_due_at_once(timed: SqlIndex, clock: Clock) -> None:
    await timed.delivery.expect(ExpectedStudy(DEFAULT_PARTITION, STUDY, "orthanc-a", "c-1", 2))
    await timed.commit([kept(1)])
    await note(timed)
    assert await due(timed) == []
    await timed.commit([kept(2)])
    await note(timed)

    assert await due(timed) == ["expected-count"]


async def test_a_source_that_does_not_keep_its_word_is_waited_for_longer(
    timed: SqlIndex, clock: Clock
) -> None:
    await timed.commit([kept(1)])
    await timed.delivery.expect(ExpectedStudy(DEFAULT_PARTITION, STUDY, "orthanc-a", "c-1"))
    await note(timed)
    clock.forward(599)
    assert await due(timed) == []
    clock.forward(1)
    assert await due(timed) == ["quiet"]


async def test_noting_a_page_twice_changes_nothing(timed: SqlIndex, clock: Clock) -> None:
    await timed.commit([kept(1)])
    await note(timed)
    clock.forward(60)
    (study,) = await timed.delivery.watches.due(10, QUIET)
    await timed.delivery.watches.announce(study)
    await timed.delivery.subscriptions.replay("stable", 0)

    await note(timed)

    clock.forward(60)
    assert await due(timed) == []


# Leases


async def test_one_holds_a_lease_until_it_ends_or_is_let_go(timed: SqlIndex, clock: Clock) -> None:
    hold = timed.delivery.leases.hold
    assert await hold(["a", "b"], "one", 15) == ["a", "b"]
    assert await hold(["a"], "other", 15) == []
    clock.forward(10)
    assert await hold(["a"], "one", 15) == ["a"], "renewed"
    clock.forward(10)
    assert await hold(["a", "b"], "other", 15) == ["b"], "b was not renewed"
    await timed.delivery.leases.release("one")
    assert await hold(["a"], "other", 15) == ["a"]


async def test_who_holds_a_lease_is_known_until_it_ends(timed: SqlIndex, clock: Clock) -> None:
    leases = timed.delivery.leases
    assert await leases.holder("a") is None
    await leases.hold(["a"], "one", 15)
    assert await leases.holder("a") == "one"
    assert await leases.holder("b") is None
    clock.forward(16)
    assert await leases.holder("a") is None


async def test_the_origins_of_versions_are_known_until_they_are_deleted(timed: SqlIndex) -> None:
    await timed.commit([kept(1), kept(2)])

    found = await timed.delivery.origins([1, 2, 3])

    assert sorted(found) == [1, 2]
    assert found[1][0] == kept(1).origin.door.value
