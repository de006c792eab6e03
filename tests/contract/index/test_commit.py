"""`InstanceWriter.commit`: what becomes of each item, and that all of it is one transaction."""

from datetime import UTC, datetime, timedelta

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import NotIndexable
from hilum.domain.identifiers import PartitionKey, TransferSyntaxUID, Version
from hilum.domain.instances import Disposition, OnConflict
from hilum.domain.levels import Level
from hilum.domain.records import Committed, FeedKind
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

SECOND = PartitionKey(2)


async def dispositions(index: SqlIndex, *batch: object) -> list[str]:
    return [each.disposition.value for each in await index.commit(batch)]  # type: ignore[arg-type]


async def test_a_new_instance_is_created_and_announced_with_its_version(index: SqlIndex) -> None:
    committed = await index.commit([a_kept(version=7)])

    assert committed == [Committed(Disposition.CREATED, Version(7))]
    (held,) = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    (entry,) = await index.feed(0, 10)
    assert (held.version, held.uids) == (7, uids())
    assert (entry.kind, entry.version, entry.uids) == (FeedKind.CREATED, 7, uids())
    assert entry.correlation_id == ORIGIN.correlation_id


async def test_an_empty_batch_changes_nothing(index: SqlIndex) -> None:
    assert await index.commit([]) == []
    assert await index.feed(0, 10) == []


async def test_the_same_bytes_twice_are_a_no_op(index: SqlIndex) -> None:
    await index.commit([a_kept(version=1)])

    again = await index.commit([a_kept(version=2)])

    assert again == [Committed(Disposition.ALREADY_HELD, Version(1))]
    assert len(await index.feed(0, 10)) == 1
    assert (await index.counts()).instances == 1


async def test_the_same_data_set_in_another_transfer_syntax_is_another_content(
    index: SqlIndex,
) -> None:
    await index.commit([a_kept(version=1)])

    other = await index.commit([a_kept(version=2, transfer_syntax=TransferSyntaxUID("1.2.840.5"))])

    assert other == [Committed(Disposition.CONFLICT, Version(1))]


async def test_other_bytes_are_refused_when_the_door_wants_that(index: SqlIndex) -> None:
    await index.commit([a_kept(version=1)])

    other = await index.commit([a_kept(version=2, content="other", size_bytes=5)])

    assert other == [Committed(Disposition.CONFLICT, Version(1))]
    (held,) = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    assert (held.version, held.size_bytes) == (1, 1000)
    assert len(await index.feed(0, 10)) == 1


async def test_other_bytes_become_a_new_version_and_the_former_object_is_queued(
    index: SqlIndex,
) -> None:
    first = a_kept(version=1, Rows=1, invalid_tags=(0x00100010,))
    other = a_kept(
        version=2, content="other", size_bytes=5, Rows=2, on_conflict=OnConflict.NEW_VERSION
    )
    await index.commit([first])
    (before,) = await index.instances(scope(uids(), Level.STUDY), 0, 10)

    assert await index.commit([other]) == [Committed(Disposition.NEW_VERSION, Version(2))]

    (held,) = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    (metadata,) = await index.metadata(scope(uids(), Level.STUDY), 0, 10)
    assert (held.key, held.version, held.object_key) == (before.key, 2, other.object_key)
    assert metadata.metadata == other.description.metadata
    assert metadata.invalid_tags == ()
    assert [each.kind for each in await index.feed(0, 10)] == [FeedKind.CREATED, FeedKind.UPDATED]
    (queued,) = await index.due(_later(), 10)
    assert queued.object_key == first.object_key
    assert (await index.counts()).size_bytes == 5


async def test_a_version_reserved_earlier_but_committed_later_gets_a_larger_number(
    index: SqlIndex,
) -> None:
    await index.commit([a_kept(version=20)])

    late = a_kept(version=10, content="late", on_conflict=OnConflict.NEW_VERSION)
    (committed,) = await index.commit([late])

    assert committed.disposition is Disposition.NEW_VERSION
    assert committed.version > 20
    (held,) = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    assert (held.version, held.object_key) == (committed.version, late.object_key)
    assert await index.referenced([late.object_key]) == {late.object_key}


async def test_one_batch_may_name_an_instance_many_times_in_order(index: SqlIndex) -> None:
    replace = OnConflict.NEW_VERSION
    batch = [
        a_kept(version=1),
        a_kept(version=2),
        a_kept(version=3, content="b", on_conflict=replace),
        a_kept(version=4, content="c"),
        a_kept(version=5, content="c", on_conflict=replace),
        a_kept(uids(instance=2), version=6),
    ]

    committed = await index.commit(batch)

    assert [(each.disposition.value, each.version) for each in committed] == [
        ("created", 1),
        ("already-held", 1),
        ("new-version", 3),
        ("conflict", 3),
        ("new-version", 5),
        ("created", 6),
    ]
    held = await index.instances(scope(uids(), Level.STUDY), 0, 10)
    assert [each.version for each in held] == [5, 6]
    assert [each.version for each in await index.feed(0, 10)] == [1, 3, 5, 6]
    queued = [each.object_key for each in await index.due(_later(), 10)]
    assert queued == [batch[0].object_key, batch[2].object_key]


async def test_one_sop_instance_uid_under_another_series_or_study_is_another_instance(
    index: SqlIndex,
) -> None:
    sop_instance = uids().sop_instance
    here, series, study = uids(), uids(series=2), uids(study=2)
    places = [type(here)(each.study, each.series, sop_instance) for each in (here, series, study)]

    assert await dispositions(index, *map(a_kept, places)) == ["created"] * 3

    assert len(await index.instances(scope(here, Level.STUDY), 0, 10)) == 2
    assert len(await index.instances(scope(places[2], Level.INSTANCE), 0, 10)) == 1


async def test_one_series_uid_under_two_studies_is_two_series(index: SqlIndex) -> None:
    here, there = uids(), uids(study=2)
    there = type(here)(there.study, here.series, there.sop_instance)

    await index.commit([a_kept(here, Modality="CT"), a_kept(there, Modality="MR")])

    assert (await index.counts()).series == 2
    assert len(await index.instances(scope(here, Level.SERIES), 0, 10)) == 1
    assert len(await index.instances(scope(there, Level.SERIES), 0, 10)) == 1


async def test_partitions_do_not_share_uids(index: SqlIndex, engine: Engine) -> None:
    engine.execute("INSERT INTO partition VALUES (2, 'second', 0, 0, 0, 0, 0)")

    assert await dispositions(index, a_kept(), a_kept(partition=SECOND)) == ["created"] * 2

    await index.delete(scope(uids(), Level.STUDY, SECOND), ORIGIN)
    assert await index.summary(scope(uids(), Level.STUDY, SECOND)) is None
    assert await index.summary(scope(uids(), Level.STUDY)) is not None


@pytest.mark.parametrize(
    "bad",
    [
        {"instance_keys": {"InstanceNumber": 2**70}},
        {"instance_keys": {"ContentDate": "half a character \ud800"}},
        {"partition": PartitionKey(99)},
    ],
    ids=["a number that is too large", "a text that is no text", "a partition that is not there"],
)
async def test_an_item_that_no_row_can_hold_fails_alone(
    index: SqlIndex, bad: dict[str, object]
) -> None:
    batch = [a_kept(), a_kept(uids(instance=2), **bad), a_kept(uids(study=2))]  # type: ignore[arg-type]

    created, failed, other = await index.commit(batch)

    assert created.disposition is other.disposition is Disposition.CREATED
    assert failed.disposition is Disposition.FAILED
    assert isinstance(failed.error, NotIndexable)
    assert "half" not in str(failed.error)
    assert (await index.counts()).instances == 2
    assert len(await index.feed(0, 10)) == 2


async def test_a_version_number_used_twice_fails_the_second(index: SqlIndex) -> None:
    batch = [a_kept(version=5), a_kept(uids(instance=2), version=5)]

    assert await dispositions(index, *batch) == ["created", "failed"]


async def test_a_batch_of_many_studies_and_series_is_committed_whole(index: SqlIndex) -> None:
    batch = [
        a_kept(uids(study, series, instance), Modality="CT")
        for study in range(30)
        for series in range(5)
        for instance in range(5)
    ]

    assert await dispositions(index, *batch) == ["created"] * 750
    assert await dispositions(index, *batch) == ["already-held"] * 750

    counts = await index.counts()
    assert (counts.studies, counts.series, counts.instances) == (30, 150, 750)


async def test_versions_are_reserved_once_and_beyond_those_in_use(index: SqlIndex) -> None:
    first = await index.reserve_versions(10)
    second = await index.reserve_versions(1)
    await index.commit([a_kept(version=1000)])
    third = await index.reserve_versions(2)

    assert len(first) == 10
    assert first[-1] < second[0]
    assert third[0] > 1000


def _later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
