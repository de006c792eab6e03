"""`FeedReader`, `Statistics` and `IndexHealth`."""

import asyncio
from datetime import UTC, datetime

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.times import to_microseconds
from hilum.domain.levels import Level
from hilum.domain.records import ArchiveCounts, FeedEntry, FeedKind
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

NOON = datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)


async def test_an_entry_says_what_happened_when_and_why(engine: Engine) -> None:
    async with engine.open(now=lambda: to_microseconds(NOON)) as index:
        await index.commit([a_kept(version=4)])

        (entry,) = await index.feed(0, 10)

    assert entry == FeedEntry(
        entry.sequence,
        NOON,
        entry.partition,
        FeedKind.CREATED,
        uids(),
        entry.version,
        "correlation",
        position=1,
        partition_name="Microsoft.Default",
    )
    assert (entry.partition, entry.version) == (1, 4)


async def test_a_feed_can_start_above_another_and_has_a_name_of_its_own(engine: Engine) -> None:
    async with engine.open() as index:
        name = await index.feed_id()
        assert await index.maintenance.last_sequence() == 0
        await index.maintenance.start_feed_above(1000)
        await index.maintenance.start_feed_above(5)  # never back

        await index.commit([a_kept()])

        assert [entry.sequence for entry in await index.feed(1000, 10)] == [1001]
        assert await index.maintenance.last_sequence() == 1001
    async with engine.open() as index:
        assert await index.feed_id() == name


async def test_a_follower_sees_each_entry_once_and_in_order(index: SqlIndex) -> None:
    seen: list[FeedEntry] = []

    async def follow() -> None:
        after = 0
        while len(seen) < 210:
            page = await index.feed(after, 7)
            seen.extend(page)
            after = page[-1].sequence if page else after

    async def write(study: int) -> None:
        for number in range(10):
            await index.commit([a_kept(uids(study, 1, number)), a_kept(uids(study, 2, number))])
        await index.delete(scope(uids(study, 1, 0), Level.INSTANCE), ORIGIN)

    await asyncio.gather(follow(), *(write(study) for study in range(10)))

    sequences = [each.sequence for each in seen]
    assert sequences == sorted(set(sequences))
    assert [each.sequence for each in await index.feed(0, 1000)] == sequences


async def test_an_empty_archive_counts_nothing(index: SqlIndex) -> None:
    assert await index.counts() == ArchiveCounts(0, 0, 0, 0, 0)
    assert await index.newest_studies(5) == []
    assert await index.feed(0, 5) == []


async def test_the_newest_studies_come_first_without_naming_a_patient(engine: Engine) -> None:
    async with engine.open(now=lambda: to_microseconds(NOON)) as index:
        await index.commit([a_kept(uids(n), PatientName="Doe^J", Modality="CT") for n in range(4)])
        await index.commit([a_kept(uids(3, 2), Modality="SR"), a_kept(uids(9))])

        newest = await index.newest_studies(2)

    assert [(each.study_instance_uid, each.modalities) for each in newest] == [
        (uids(9).study, []),
        (uids(3).study, ["CT", "SR"]),
    ]
    assert (newest[1].series, newest[1].instances, newest[1].received) == (2, 2, NOON)
    assert "Doe" not in repr(newest)


async def test_a_ping_writes_and_reads_back(index: SqlIndex) -> None:
    first = await index.ping()

    assert await index.ping() > first
    assert (await index.reserve_versions(1))[0] > first
