"""`Worklists` over every engine: work items, subscriptions, and what is still to be told."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hilum.adapters.database import worklist_subscriptions
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.worklist import SqlWorklist
from hilum.domain.errors import LimitExceeded
from hilum.domain.identifiers import DEFAULT_PARTITION, UID, PartitionKey
from hilum.domain.queries import Between, Empty, Equals, Like, OneOf, Words
from hilum.domain.workitems import (
    EventKind,
    Subscriber,
    Workitem,
    WorkitemKey,
    WorkitemQuery,
    WorkitemReport,
    WorkitemState,
)
from hilum.foundation.clock import SystemClock
from hilum.ports.worklist import WorkitemContent
from hilum.worklist.matching import values_of
from hilum.worklist.pruning import Pruning
from hilum.worklist.reports import state_report
from hilum.worklist.worklist import Worklist
from tests.contract.index.engines import Engine
from tests.workitems import element, wish, workitem

ME = Subscriber(DEFAULT_PARTITION, "ME")
YOU = Subscriber(DEFAULT_PARTITION, "YOU")
NAME = "00100010"
STATE = "00741000"


def content(state: WorkitemState = WorkitemState.SCHEDULED, **changes: Any) -> WorkitemContent:
    dataset = workitem(**changes) | {STATE: element("CS", state.value)}
    return WorkitemContent(state, None, dataset, values_of(dataset))


def report(text: str = "SCHEDULED") -> WorkitemReport:
    return WorkitemReport(EventKind.STATE_REPORT, {STATE: element("CS", text)})


async def add(
    index: SqlIndex, uid: str, partition: PartitionKey = DEFAULT_PARTITION, **changes: Any
) -> Workitem:
    made = content(**changes)
    assert await index.worklist.add(partition, UID(uid), made, [report()])
    found = await index.worklist.get(partition, UID(uid))
    assert found is not None
    return found


async def end(index: SqlIndex, former: Workitem) -> None:
    assert await index.worklist.replace(former, content(WorkitemState.COMPLETED), [])


async def told(index: SqlIndex, who: Subscriber) -> list[tuple[str, str]]:
    """What a subscriber gets now, and has not had before."""
    await index.worklist.take_over(who, "r")
    pending = await index.worklist.pending(who, "r", 1000)
    assert pending is not None
    await index.worklist.done([event.key for event in pending])
    return [(event.uid, event.report.facts[STATE]["Value"][0]) for event in pending]


async def told_something(index: SqlIndex, who: Subscriber) -> list[tuple[str, str]]:
    while not (first := await told(index, who)):
        pass  # each look is work for the database, behind which others have their turn
    return first


async def subscribe_all(
    index: SqlIndex,
    who: Subscriber,
    keys: Sequence[WorkitemKey] | None = None,
    *,
    lock: bool = False,
) -> None:
    await index.worklist.subscribe_all(who, keys, lock=lock, initial=state_report, most_filters=2)


async def test_a_work_item_comes_back_as_it_was_added(index: SqlIndex) -> None:
    found = await add(index, "1.2")

    assert found.dataset == content().dataset
    assert (found.uid, found.state, found.transaction) == ("1.2", WorkitemState.SCHEDULED, None)
    assert await index.worklist.get(DEFAULT_PARTITION, UID("1.3")) is None


async def test_a_uid_is_given_once_in_each_partition(index: SqlIndex) -> None:
    await add(index, "1.2")

    assert not await index.worklist.add(DEFAULT_PARTITION, UID("1.2"), content(), [])
    assert await index.worklist.add(PartitionKey(2), UID("1.2"), content(), [])
    assert len(await index.worklist.search(WorkitemQuery(DEFAULT_PARTITION))) == 1


async def test_of_two_changes_at_once_one_wins(engine: Engine, index: SqlIndex) -> None:
    former = await add(index, "1.2")
    async with engine.open() as other:
        changed = await asyncio.gather(
            *(
                each.worklist.replace(former, content(WorkitemState.IN_PROGRESS), [])
                for each in (index, other, index, other)
            )
        )

    assert sorted(changed) == [False, False, False, True]
    found = await index.worklist.get(DEFAULT_PARTITION, UID("1.2"))
    assert found is not None
    assert (found.state, found.version) == (WorkitemState.IN_PROGRESS, former.version + 1)


@pytest.mark.parametrize(
    ("path", "match", "found"),
    [
        (NAME, Equals("doe jane"), ["1.1"]),
        (NAME, Like("do*"), ["1.1"]),
        (NAME, Like("*jan?"), ["1.1"]),
        (NAME, Words(("ja",)), ["1.1"]),
        ("00100020", OneOf(("pat-1", "x")), ["1.2", "1.1"]),
        ("00100020", Empty(), ["1.3"]),
        ("0040A370.00080050", Equals("acc-1"), ["1.3", "1.2", "1.1"]),
        ("00404005", Between("20240517", "20240518"), ["1.3", "1.1"]),
        ("00404005", Between(None, "20240101"), ["1.2"]),
        ("00741000", Equals("completed"), []),
    ],
)
async def test_work_items_are_found_newest_first(
    index: SqlIndex, path: str, match: Any, found: list[str]
) -> None:
    await add(index, "1.1")
    await add(
        index,
        "1.2",
        x00100010=element("PN", {"Alphabetic": "Roe^Bob"}),
        x00404005=element("DT", "2020"),
    )
    await add(index, "1.3", x00100010=element("PN", {"Alphabetic": "Poe"}), x00100020=element("LO"))

    query = WorkitemQuery(DEFAULT_PARTITION, [WorkitemKey(path, match)])
    assert [each.uid for each in await index.worklist.search(query)] == found


async def test_a_search_is_paged(index: SqlIndex) -> None:
    for number in range(5):
        await add(index, f"1.{number}")

    page = await index.worklist.search(WorkitemQuery(DEFAULT_PARTITION, limit=2, offset=1))

    assert [each.uid for each in page] == ["1.3", "1.2"]


async def test_a_change_is_found_by_what_it_changed(index: SqlIndex) -> None:
    former = await add(index, "1.1")
    changed = content(x00100020=element("LO", "OTHER"))
    await index.worklist.replace(former, changed, [])

    async def matches(value: str) -> int:
        key = WorkitemKey("00100020", Equals(value))
        return len(await index.worklist.search(WorkitemQuery(DEFAULT_PARTITION, [key])))

    assert (await matches("pat-1"), await matches("other")) == (0, 1)


async def test_a_subscriber_is_told_the_state_and_every_change(index: SqlIndex) -> None:
    former = await add(index, "1.1")

    assert await index.worklist.subscribe(ME, UID("1.1"), lock=False, initial=state_report)
    assert not await index.worklist.subscribe(ME, UID("1.9"), lock=False, initial=state_report)
    await index.worklist.replace(
        former, content(WorkitemState.IN_PROGRESS), [report("IN PROGRESS")]
    )

    assert await told(index, ME) == [("1.1", "SCHEDULED"), ("1.1", "IN PROGRESS")]
    assert await told(index, ME) == []
    assert await told(index, YOU) == []


async def test_a_report_says_how_many_were_told(index: SqlIndex) -> None:
    former = await add(index, "1.1")
    assert await index.worklist.report(former, [report("x")]) == 0

    for who in (ME, YOU):
        await index.worklist.subscribe(who, UID("1.1"), lock=False, initial=state_report)

    assert await index.worklist.report(former, [report("x")]) == 2
    await end(index, former)
    assert await index.worklist.report(former, [report("x")]) is None


async def test_a_global_subscription_is_to_what_is_there_and_what_comes(index: SqlIndex) -> None:
    await add(index, "1.1")
    await subscribe_all(index, ME, lock=True)
    await subscribe_all(index, YOU)
    await add(index, "1.2")
    await add(index, "1.3", PartitionKey(2))

    assert await told(index, ME) == [("1.1", "SCHEDULED"), ("1.2", "SCHEDULED")]
    assert await told(index, YOU) == [("1.2", "SCHEDULED")]


async def test_others_write_while_a_long_list_is_subscribed_to(
    index: SqlIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_subscriptions, "_PAGE", 1)
    uids = [f"1.{number}" for number in range(11, 24)]
    for uid in uids:
        await add(index, uid)

    subscribing = asyncio.create_task(subscribe_all(index, ME, lock=True))
    first = await told_something(index, ME)
    await add(index, "2.1")
    await subscribing
    assert [uid for uid, _ in first] != uids
    rest = await told(index, ME)

    assert sorted(uid for uid, _ in [*first, *rest]) == [*uids, "2.1"]


async def test_a_subscription_that_is_ended_at_once_does_not_go_on(
    index: SqlIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_subscriptions, "_PAGE", 1)
    for number in range(1, 8):
        await add(index, f"1.{number}")

    subscribing = asyncio.create_task(subscribe_all(index, ME, lock=True))
    await told_something(index, ME)
    await index.worklist.unsubscribe_all(ME)
    await subscribing

    assert await told(index, ME) == []


async def test_a_filtered_subscription_is_to_what_matches(index: SqlIndex) -> None:
    await add(index, "1.1")
    await add(index, "1.2", x00100020=element("LO", "OTHER"))
    await subscribe_all(index, ME, [WorkitemKey("00100020", Like("oth*"))], lock=True)
    await add(index, "1.3")
    await add(index, "1.4", x00100020=element("LO", "other"))

    assert await told(index, ME) == [("1.2", "SCHEDULED"), ("1.4", "SCHEDULED")]


async def test_there_are_only_so_many_filters(index: SqlIndex) -> None:
    for value in "aba":
        await subscribe_all(index, ME, [WorkitemKey("00100020", Equals(value))])

    with pytest.raises(LimitExceeded, match=r"worklist\.filters"):
        await subscribe_all(index, ME, [WorkitemKey("00100020", Equals("c"))])


async def test_unsubscribing_globally_ends_everything_and_suspending_what_is_to_come(
    index: SqlIndex,
) -> None:
    former = await add(index, "1.1")
    for who in (ME, YOU):
        await subscribe_all(index, who)
    await index.worklist.suspend(ME, filtered=False)
    await index.worklist.unsubscribe_all(YOU)
    await add(index, "1.2")
    await index.worklist.report(former, [report("x")])

    assert await told(index, ME) == [("1.1", "x")]
    assert await told(index, YOU) == []


async def test_who_unsubscribes_is_not_told_what_waited(index: SqlIndex) -> None:
    await add(index, "1.1")
    await index.worklist.subscribe(ME, UID("1.1"), lock=False, initial=state_report)

    assert await index.worklist.unsubscribe(ME, UID("1.1"))
    assert not await index.worklist.unsubscribe(ME, UID("1.9"))

    assert await told(index, ME) == []


async def test_the_newest_receiver_gets_everything(index: SqlIndex) -> None:
    await add(index, "1.1")
    await index.worklist.subscribe(ME, UID("1.1"), lock=False, initial=state_report)
    await index.worklist.take_over(ME, "older")
    await index.worklist.take_over(ME, "newer")

    assert await index.worklist.pending(ME, "older", 10) is None
    pending = await index.worklist.pending(ME, "newer", 10)
    assert pending is not None
    assert [event.uid for event in pending] == ["1.1"]


async def test_who_stops_receiving_leaves_nothing_unless_another_took_over(
    index: SqlIndex,
) -> None:
    await index.worklist.take_over(ME, "older")
    await index.worklist.take_over(ME, "newer")

    await index.worklist.give_up(ME, "older")
    assert await index.worklist.pending(ME, "newer", 10) == []
    await index.worklist.give_up(ME, "newer")
    assert await index.worklist.pending(ME, "newer", 10) is None


async def test_what_nobody_fetches_goes(index: SqlIndex) -> None:
    former = await add(index, "1.1")
    await index.worklist.subscribe(ME, UID("1.1"), lock=False, initial=state_report)
    for number in range(4):
        await index.worklist.report(former, [report(str(number))])
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)

    assert await index.worklist.drop_old(long_ago, 10) == 0
    assert await index.worklist.drop_old(long_ago, 3) == 2
    assert await told(index, ME) == [("1.1", "1"), ("1.1", "2"), ("1.1", "3")]
    await index.worklist.report(former, [report("x")])
    assert await index.worklist.drop_old(datetime.now(UTC) + timedelta(hours=1), 10) == 1


async def test_what_ended_goes_unless_it_is_locked(index: SqlIndex) -> None:
    for uid in ("1.1", "1.2", "1.3", "1.4"):
        former = await add(index, uid)
        if uid != "1.1":
            await index.worklist.subscribe(ME, UID(uid), lock=uid == "1.2", initial=state_report)
            await end(index, former)
    later = datetime.now(UTC) + timedelta(hours=1)

    assert await index.worklist.prune(datetime.now(UTC) - timedelta(hours=1), 10) == 0
    assert await index.worklist.prune(later, 1) == 1
    assert await index.worklist.prune(later, 10) == 1
    left = await index.worklist.search(WorkitemQuery(DEFAULT_PARTITION))
    assert [each.uid for each in left] == ["1.2", "1.1"]
    await index.worklist.unsubscribe(ME, UID("1.2"))
    assert await index.worklist.prune(later, 10) == 1


async def test_nobody_misses_what_is_created_while_he_subscribes(
    engine: Engine, index: SqlIndex
) -> None:
    async with engine.open() as other:
        await asyncio.gather(
            *(add(other, f"1.{number}") for number in range(20)),
            subscribe_all(index, ME, lock=True),
            *(add(index, f"2.{number}") for number in range(20)),
        )

    assert sorted(uid for uid, _ in await told(index, ME)) == sorted(
        f"{family}.{number}" for family in (1, 2) for number in range(20)
    )


class Meeting:
    """A store whose readers wait for each other, so that both know the same version."""

    def __init__(self, store: SqlWorklist, readers: int) -> None:
        self._store = store
        self._barrier = asyncio.Barrier(readers)

    async def get(self, partition: PartitionKey, uid: UID) -> Workitem | None:
        found = await self._store.get(partition, uid)
        await self._barrier.wait()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_a_change_that_another_overtook_is_told_so(index: SqlIndex) -> None:
    await add(index, "1.2")
    worklist = Worklist(Meeting(index.worklist, 3), SystemClock())

    ended = await asyncio.gather(
        *(
            worklist.change_state(DEFAULT_PARTITION, "1.2", wish("IN PROGRESS", f"1.{number}"))
            for number in range(3)
        ),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in ended) == [
        "Verdict",
        "WorkitemChanged",
        "WorkitemChanged",
    ]


async def test_pruning_forgets_by_age_and_nothing_when_that_is_not_wanted(index: SqlIndex) -> None:
    await end(index, await add(index, "1.1"))
    await add(index, "1.2")
    await index.worklist.subscribe(ME, UID("1.2"), lock=False, initial=state_report)

    class Later:
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=10)

        def monotonic(self) -> float:
            return 0.0

    def pruning(retention: timedelta | None) -> Pruning:
        store = index.worklist
        return Pruning(store, store, Later(), retention, timedelta(days=7), 100)

    await pruning(None).prune()
    assert await index.worklist.get(DEFAULT_PARTITION, UID("1.1")) is not None
    assert await told(index, ME) == []
    await pruning(timedelta(days=9)).prune()
    assert await index.worklist.get(DEFAULT_PARTITION, UID("1.1")) is None
    assert await index.worklist.get(DEFAULT_PARTITION, UID("1.2")) is not None
