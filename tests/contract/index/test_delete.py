"""`InstanceWriter.delete` and the `DeletionQueue`."""

from datetime import UTC, datetime, timedelta

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.origins import Door, Origin
from hilum.domain.queries import Condition, Equals, Query, Words
from hilum.domain.records import FeedKind
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

DELETER = Origin(Door.STOW, "the-delete")
LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("level", "gone"), [(Level.STUDY, 4), (Level.SERIES, 2), (Level.INSTANCE, 1)]
)
async def test_a_delete_takes_its_scope_announces_each_instance_and_queues_its_object(
    index: SqlIndex, level: Level, gone: int
) -> None:
    batch = [a_kept(uids(study, s, n)) for study in (1, 2) for s in (1, 2) for n in (1, 2)]
    await index.commit(batch)
    target = scope(uids(1, 2, 1), level)
    held = await index.instances(target, 0, 10)

    assert await index.delete(target, DELETER) == gone

    assert await index.instances(target, 0, 10) == []
    assert await index.summary(target) is None
    entries = (await index.feed(0, 100))[len(batch) :]
    assert [(each.kind, each.uids, each.version, each.correlation_id) for each in entries] == [
        (FeedKind.DELETED, each.uids, each.version, "the-delete") for each in held
    ]
    queued = [each.object_key for each in await index.due(LATER, 10)]
    assert queued == [each.object_key for each in held]
    assert (await index.counts()).instances == len(batch) - gone


async def test_deleting_what_is_not_held_changes_nothing(index: SqlIndex) -> None:
    await index.commit([a_kept()])

    for level in Level:
        assert await index.delete(scope(uids(7, 7, 7), level), ORIGIN) == 0

    assert len(await index.feed(0, 10)) == 1


async def test_counts_modalities_and_newest_follow_a_delete(index: SqlIndex) -> None:
    await index.commit(
        [
            a_kept(uids(series=1), Modality="CT", PatientID="first"),
            a_kept(uids(series=2), Modality="MR", PatientID="second"),
            a_kept(uids(series=2, instance=2), Modality="MR", PatientID="third"),
        ]
    )
    first = (await index.instances(scope(uids(), Level.SERIES), 0, 1))[0]

    await index.delete(scope(uids(series=2), Level.SERIES), ORIGIN)

    (row,) = (await index.search(Query(Level.STUDY))).rows
    assert row.computed == {
        "ModalitiesInStudy": ["CT"],
        "NumberOfStudyRelatedSeries": 1,
        "NumberOfStudyRelatedInstances": 1,
    }
    assert row.newest == first.key
    assert b"third" in row.study


async def test_the_last_instance_takes_its_series_and_study_along(
    index: SqlIndex, engine: Engine
) -> None:
    items = {level: [("0008103200080100", 0, "x")] for level in Level}
    await index.commit([a_kept(PatientName="Doe^John", PatientID="P", Modality="CT", items=items)])

    await index.delete(scope(uids(), Level.INSTANCE), ORIGIN)

    words = Condition("PatientName", Level.STUDY, Words(("doe",)))
    assert (await index.search(Query(Level.STUDY, (words,)))).rows == []
    if engine.kind == "sqlite":
        assert engine.execute("SELECT count(*) FROM study_name") == [(0,)]
    for table in ("study", "series", "instance", "instance_version", "description", "patient",
                  "sequence_item", "study_modality"):  # fmt: skip
        assert engine.execute(f"SELECT count(*) FROM {table}") == [(0,)], table


async def test_what_was_deleted_can_be_stored_again_under_a_new_row_key(index: SqlIndex) -> None:
    await index.commit([a_kept()])
    (before,) = await index.instances(scope(uids(), Level.STUDY), 0, 1)
    await index.delete(scope(uids(), Level.STUDY), ORIGIN)

    await index.commit([a_kept()])

    (after,) = await index.instances(scope(uids(), Level.STUDY), 0, 1)
    assert after.key > before.key
    kinds = [each.kind for each in await index.feed(0, 10)]
    assert kinds == [FeedKind.CREATED, FeedKind.DELETED, FeedKind.CREATED]


async def test_a_delete_queues_a_former_version_only_once(index: SqlIndex) -> None:
    batch = [a_kept(), a_kept(content="b", on_conflict=OnConflict.NEW_VERSION)]
    await index.commit(batch)

    await index.delete(scope(uids(), Level.STUDY), ORIGIN)

    queued = [each.object_key for each in await index.due(LATER, 10)]
    assert queued == [each.object_key for each in batch]


async def test_a_large_study_is_deleted_whole(index: SqlIndex) -> None:
    for start in range(0, 5000, 500):
        await index.commit([a_kept(uids(instance=n)) for n in range(start, start + 500)])

    assert await index.delete(scope(uids(), Level.STUDY), ORIGIN) == 5000

    assert len(await index.feed(5000, 10_000)) == 5000
    assert (await index.counts()).studies == 0


async def test_queued_objects_are_due_oldest_first_until_freed(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(instance=n)) for n in range(3)])
    await index.delete(scope(uids(), Level.STUDY), ORIGIN)

    first, second, third = await index.due(LATER, 10)
    assert [each.key for each in await index.due(LATER, 2)] == [first.key, second.key]
    await index.freed([first.key, third.key])

    assert await index.due(LATER, 10) == [second]


async def test_a_postponed_object_is_due_again_at_its_time_and_counts_its_attempts(
    index: SqlIndex,
) -> None:
    await index.commit([a_kept()])
    await index.delete(scope(uids(), Level.STUDY), ORIGIN)
    (queued,) = await index.due(LATER, 10)

    await index.postpone(queued.key, LATER)

    assert await index.due(LATER - timedelta(seconds=1), 10) == []
    (again,) = await index.due(LATER, 10)
    assert (again.key, queued.attempts, again.attempts) == (queued.key, 0, 1)


async def test_a_search_by_what_only_the_deleted_instance_had_still_finds_the_study(
    index: SqlIndex,
) -> None:
    await index.commit([a_kept(PatientID="P1"), a_kept(uids(instance=2), PatientID="P2")])

    await index.delete(scope(uids(instance=2), Level.INSTANCE), ORIGIN)

    condition = Condition("PatientID", Level.STUDY, Equals("p2"))
    assert len((await index.search(Query(Level.STUDY, (condition,)))).rows) == 1
