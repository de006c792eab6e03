"""`Expiries`: which studies are deleted by themselves, and when."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Disposition, Expiry, Kept, OnConflict
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin
from hilum.domain.records import FeedKind
from tests.contract.index.engines import Engine
from tests.contract.index.kept import a_kept, scope, uids

WHEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
BEFORE, AFTER = WHEN - timedelta(milliseconds=1), WHEN + timedelta(milliseconds=1)
EXPIRY = Origin(Door.DELETE, "the-expiry")
STUDY = scope(uids(), Level.STUDY)


def expiring(kept: Kept, at: datetime | None = WHEN) -> Kept:
    return replace(kept, expiry=Expiry(at))


async def coming(index: SqlIndex) -> list[tuple[str, datetime]]:
    return [(each.study, each.expires) for each in await index.expiry.coming(10)]


async def test_a_study_is_expired_from_its_time_on_and_then_deleted_as_any_other(
    index: SqlIndex,
) -> None:
    await index.commit([expiring(a_kept(uids(instance=n))) for n in (1, 2)])
    await index.commit([a_kept(uids(2))])

    assert await index.expiry.expired(BEFORE, 10) == []
    assert await index.expiry.delete_expired(STUDY, BEFORE, EXPIRY) == 0
    assert await index.expiry.expired(WHEN, 10) == [STUDY]
    assert await index.expiry.delete_expired(STUDY, WHEN, EXPIRY) == 2

    assert await index.summary(STUDY) is None
    assert await index.expiry.expired(AFTER, 10) == []
    entries = (await index.feed(0, 10))[3:]
    assert [(each.kind, each.correlation_id) for each in entries] == [
        (FeedKind.DELETED, "the-expiry")
    ] * 2
    assert (await index.counts()).studies == 1


async def test_the_last_store_decides(index: SqlIndex) -> None:
    await index.commit([expiring(a_kept(uids(instance=1)))])
    later = WHEN + timedelta(days=1)

    await index.commit([expiring(a_kept(uids(instance=2)), later)])
    assert await coming(index) == [("1.2.1", later)]
    assert await index.expiry.delete_expired(STUDY, WHEN, EXPIRY) == 0
    await index.commit([expiring(a_kept(uids(instance=3)), None)])
    assert await coming(index) == []
    batch = [expiring(a_kept(uids(3))), expiring(a_kept(uids(3, instance=2)), None)]
    await index.commit(batch)
    assert await coming(index) == []


async def test_what_says_nothing_or_is_refused_changes_no_expiry(index: SqlIndex) -> None:
    held = a_kept()
    await index.commit([expiring(held)])

    other = a_kept(content="other", on_conflict=OnConflict.REFUSE)
    decided = await index.commit(
        [a_kept(uids(instance=2)), expiring(other, None), expiring(a_kept(), None)]
    )

    assert [each.disposition for each in decided] == [
        Disposition.CREATED, Disposition.CONFLICT, Disposition.ALREADY_HELD,
    ]  # fmt: skip
    assert await coming(index) == [("1.2.1", WHEN)]


async def test_putting_the_same_bytes_again_decides_too(index: SqlIndex) -> None:
    await index.commit([a_kept()])

    again = a_kept(on_conflict=OnConflict.NEW_VERSION)
    (decided,) = await index.commit([expiring(again)])

    assert decided.disposition is Disposition.ALREADY_HELD
    assert await coming(index) == [("1.2.1", WHEN)]


async def test_an_expiry_goes_with_its_study_and_not_with_a_part_of_it(index: SqlIndex) -> None:
    await index.commit([expiring(a_kept(uids(instance=n))) for n in (1, 2)])

    await index.delete(scope(uids(), Level.INSTANCE), EXPIRY)
    assert await coming(index) == [("1.2.1", WHEN)]
    await index.delete(STUDY, EXPIRY)
    assert await coming(index) == []
    await index.commit([a_kept()])
    assert await index.expiry.expired(AFTER, 10) == []


async def test_those_whose_time_is_over_longest_come_first_in_pages(index: SqlIndex) -> None:
    for number, days in ((1, 3), (2, 1), (3, 2)):
        at = WHEN + timedelta(days=days)
        await index.commit([expiring(a_kept(uids(number)), at)])

    found = await index.expiry.expired(WHEN + timedelta(days=9), 2)

    assert [each.study for each in found] == ["1.2.2", "1.2.3"]


async def test_of_two_processes_one_deletes(engine: Engine, index: SqlIndex) -> None:
    await index.commit([expiring(a_kept(uids(instance=n))) for n in range(1, 21)])

    async with engine.open() as other:
        gone = await asyncio.gather(
            *(each.expiry.delete_expired(STUDY, WHEN, EXPIRY) for each in (index, other) * 3)
        )

    assert sorted(gone) == [0, 0, 0, 0, 0, 20]


async def test_the_expiry_of_a_study_that_is_not_there_is_forgotten(index: SqlIndex) -> None:
    gone = Scope(uids(9).study)
    await index.commit([expiring(a_kept(uids(9)))])
    await index.delete(gone, EXPIRY)
    await index.commit([expiring(a_kept(uids(8)))])

    assert await index.expiry.delete_expired(gone, AFTER, EXPIRY) == 0
    assert await coming(index) == [("1.2.8", WHEN)]
