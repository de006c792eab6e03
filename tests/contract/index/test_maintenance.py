"""`MaintenanceIndex`: walking versions, finding what disagrees, mending it."""

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.identifiers import Version
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.maintenance import ProblemKind
from hilum.domain.queries import Condition, Equals, Query, Words
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

ITEMS = {level: [("0008103200080100", 0, "x")] for level in Level}


async def fill(index: SqlIndex) -> None:
    await index.commit(
        [
            a_kept(uids(study, series), PatientName="Doe^John", PatientID=f"P{study}",
                   Modality="CT", items=ITEMS)
            for study in (1, 2) for series in (1, 2)
        ]
    )  # fmt: skip


async def test_every_version_is_walked_with_what_proves_its_object(index: SqlIndex) -> None:
    first = a_kept(size_bytes=11)
    second = a_kept(content="b", on_conflict=OnConflict.NEW_VERSION)
    third = a_kept(uids(2))
    await index.commit([first, second, third])

    walked = []
    after = 0
    while page := await index.maintenance.versions(after, 2):
        walked += page
        after = page[-1].key

    assert [(each.object_key, each.live) for each in walked] == [
        (first.object_key, False),
        (second.object_key, True),
        (third.object_key, True),
    ]
    record, kept = walked[0], first
    assert (record.uids, record.version, record.partition) == (uids(), kept.version, kept.partition)
    assert (record.size_bytes, record.dataset_offset, record.origin) == (11, 512, ORIGIN)
    assert (record.head_sha256, record.dataset_sha256) == (kept.head_sha256, kept.dataset_sha256)
    assert record.transfer_syntax_uid == kept.description.transfer_syntax_uid
    assert record.instance_key == walked[1].instance_key


async def test_objects_that_wait_to_be_freed_are_told_from_others(index: SqlIndex) -> None:
    gone, stays = a_kept(), a_kept(uids(2))
    await index.commit([gone, stays])
    await index.delete(scope(uids(), Level.STUDY), ORIGIN)

    waiting = await index.maintenance.awaiting_deletion([gone.object_key, stays.object_key])

    assert waiting == {gone.object_key}
    assert await index.maintenance.awaiting_deletion([]) == set()


async def test_live_versions_are_told_from_superseded_deleted_and_unknown_ones(
    index: SqlIndex,
) -> None:
    old, gone = a_kept(), a_kept(uids(2))
    live = a_kept(content="b", on_conflict=OnConflict.NEW_VERSION)
    await index.commit([old, gone, live])
    await index.delete(scope(uids(2), Level.STUDY), ORIGIN)

    asked = [old.version, gone.version, live.version, Version(10**12)]

    assert await index.maintenance.live(asked) == {live.version}
    assert await index.maintenance.live([]) == set()


DAMAGES = {
    "a count of a series": (
        "UPDATE series SET number_of_instances = 5 WHERE key = 1",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a size of a study": (
        "UPDATE study SET size_bytes = 1 WHERE key = 1",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a newest instance": (
        "UPDATE study SET newest_instance_key = 999 WHERE key = 1",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a newest version": (
        "UPDATE series SET newest_version = 0 WHERE key = 1",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "shown modalities": (
        "UPDATE study SET modalities = 'CT\\MR' WHERE key = 1",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a modality too many": (
        "INSERT INTO study_modality VALUES (1, 'xa', 1)",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a modality too few": ("DELETE FROM study_modality", ProblemKind.WRONG_AGGREGATE),
    "a count of a partition": (
        "UPDATE partition SET number_of_instances = 0",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "an empty series": (
        "INSERT INTO series SELECT 99, partition_key, study_key, '9.9' "
        + ", NULL" * 13
        + ", 0, 0, 0, 0, 0, 0, NULL, attributes FROM series WHERE key = 1",
        ProblemKind.EMPTY_PARENT,
    ),
    "a patient": (
        "INSERT INTO patient VALUES (99, 1, 'nobody', '', NULL, 0)",
        ProblemKind.ORPHANED_ROW,
    ),
    "an item": (
        "INSERT INTO sequence_item VALUES (999, 1, 2, 777, 'x', 0, 'x')",
        ProblemKind.ORPHANED_ROW,
    ),
}


OF_ONE_ENGINE = {
    "a counter": (
        "sqlite",
        "UPDATE counter SET value = 0 WHERE name = 'instance'",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a sequence": (
        "postgres",
        "SELECT setval('number_instance', 1)",
        ProblemKind.WRONG_AGGREGATE,
    ),
    "a name": ("sqlite", "DELETE FROM study_name WHERE rowid = 1", ProblemKind.WRONG_NAMES),
    "another name": (
        "sqlite",
        "UPDATE study_name SET PatientName = 'roe' WHERE rowid = 1",
        ProblemKind.WRONG_NAMES,
    ),
}


@pytest.mark.parametrize(
    ("engine", "damage", "kind"), OF_ONE_ENGINE.values(), ids=OF_ONE_ENGINE, indirect=["engine"]
)
async def test_damage_that_one_engine_can_have_is_found_and_mended(
    index: SqlIndex, engine: Engine, damage: str, kind: ProblemKind
) -> None:
    await find_and_mend(index, engine, damage, kind)


@pytest.mark.parametrize(("damage", "kind"), DAMAGES.values(), ids=DAMAGES)
async def test_damage_that_rows_can_tell_is_found_and_mended(
    index: SqlIndex, engine: Engine, damage: str, kind: ProblemKind
) -> None:
    await find_and_mend(index, engine, damage, kind)


async def find_and_mend(index: SqlIndex, engine: Engine, damage: str, kind: ProblemKind) -> None:
    await fill(index)
    engine.execute(damage)

    assert kind in {each.kind for each in await index.maintenance.check_integrity()}

    assert await index.maintenance.recount() > 0
    assert await index.maintenance.check_integrity() == []
    assert await index.maintenance.recount() == 0


LOSSES = {
    "a description": ("DELETE FROM description WHERE instance_key = 1", "missing-description"),
    "a version": ("DELETE FROM instance_version WHERE instance_key = 1", "missing-version"),
    "an announcement": ("DELETE FROM feed WHERE sequence = 1", "missing-feed-entry"),
    "one announcement too many": (
        "INSERT INTO feed (sequence, time, partition_key, kind, study_instance_uid, "
        "series_instance_uid, sop_instance_uid, version, correlation_id, payload) "
        "SELECT sequence + 100, time, partition_key, kind, study_instance_uid, "
        "series_instance_uid, sop_instance_uid, version, correlation_id, payload FROM feed LIMIT 1",
        "repeated-feed-entry",
    ),
}


@pytest.mark.parametrize(("loss", "kind"), LOSSES.values(), ids=LOSSES)
async def test_what_only_the_object_can_tell_is_found(engine: Engine, loss: str, kind: str) -> None:
    async with engine.open() as index:
        await fill(index)
        engine.execute(loss)

        found = await index.maintenance.check_integrity()

    assert kind in {each.kind.value for each in found}
    assert not [each for each in found if "Doe" in each.text]


async def test_a_wiped_archive_is_empty_but_gives_out_no_number_again(index: SqlIndex) -> None:
    await fill(index)
    before = await index.ping()

    await index.maintenance.wipe()

    assert (await index.counts()).instances == 0
    assert await index.feed(0, 10) == []
    words = Condition("PatientName", Level.STUDY, Words(("doe",)))
    assert (await index.search(Query(Level.STUDY, (words,)))).rows == []
    assert await index.ping() > before
    await fill(index)
    condition = Condition("PatientID", Level.STUDY, Equals("p1"))
    assert len((await index.search(Query(Level.STUDY, (condition,)))).rows) == 1


async def test_recounting_a_sound_index_changes_nothing(index: SqlIndex) -> None:
    await fill(index)
    before = await index.search(Query(Level.INSTANCE))

    assert await index.maintenance.recount() == 0

    assert await index.search(Query(Level.INSTANCE)) == before
