"""`InstanceReader` and `FrameReader`: questions by UID."""

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.identifiers import ObjectKey, PartitionKey, Scope, StudyInstanceUID
from hilum.domain.instances import OnConflict
from hilum.domain.levels import Level
from hilum.domain.records import (
    FramesRecord,
    InstanceRecord,
    ScopeSummary,
    VersionedMetadata,
)
from tests.contract.index.kept import CT, EXPLICIT, ORIGIN, a_kept, scope, uids


async def test_an_instance_record_says_where_its_bytes_are(index: SqlIndex) -> None:
    kept = a_kept(version=9, size_bytes=77)
    await index.commit([kept])

    (held,) = await index.instances(scope(uids(), Level.INSTANCE), 0, 10)

    assert held == InstanceRecord(
        held.key, uids(), CT, EXPLICIT, kept.version, kept.object_key, 77, 512
    )


@pytest.mark.parametrize("level", list(Level))
async def test_every_scope_has_its_instances_and_no_others(index: SqlIndex, level: Level) -> None:
    await index.commit(
        [a_kept(uids(study, series, n)) for study in (1, 2) for series in (1, 2) for n in (1, 2)]
    )
    expected = {Level.STUDY: 4, Level.SERIES: 2, Level.INSTANCE: 1}[level]

    held = await index.instances(scope(uids(2, 2, 2), level), 0, 100)
    metadata = await index.metadata(scope(uids(2, 2, 2), level), 0, 100)
    summary = await index.summary(scope(uids(2, 2, 2), level))

    assert len(held) == len(metadata) == expected
    assert summary is not None
    assert summary.instances == expected
    assert {each.uids.study for each in held} == {uids(2).study}
    assert [each.key for each in metadata] == [each.key for each in held]


@pytest.mark.parametrize("level", list(Level))
async def test_what_is_not_held_has_no_summary_and_no_rows(index: SqlIndex, level: Level) -> None:
    await index.commit([a_kept()])

    for missing in (scope(uids(5, 5, 5), level), scope(uids(), level, PartitionKey(9))):
        assert await index.summary(missing) is None
        assert await index.instances(missing, 0, 10) == []
        assert await index.metadata(missing, 0, 10) == []


async def test_pages_follow_insertion_across_series(index: SqlIndex) -> None:
    placed = [uids(1, n % 2, n) for n in range(10)]
    for each in placed:
        await index.commit([a_kept(each)])

    seen, after = [], 0
    while page := await index.instances(scope(uids(), Level.STUDY), after, 3):
        seen += [each.uids for each in page]
        after = page[-1].key

    assert seen == placed


async def test_a_summary_has_the_count_and_the_newest_version(index: SqlIndex) -> None:
    await index.commit([a_kept(version=3), a_kept(uids(series=2), version=8)])

    assert await index.summary(scope(uids(), Level.STUDY)) == ScopeSummary(2, 8)
    assert await index.summary(scope(uids(), Level.SERIES)) == ScopeSummary(1, 3)
    assert await index.summary(scope(uids(series=2), Level.INSTANCE)) == ScopeSummary(1, 8)


async def test_metadata_comes_back_as_it_was_given(index: SqlIndex) -> None:
    kept = a_kept(invalid_tags=(0x00100010, 0xFFFFFFFF))
    await index.commit([kept])

    (record,) = await index.metadata(scope(uids(), Level.STUDY), 0, 10)

    assert record.metadata == kept.description.metadata
    assert tuple(record.invalid_tags) == (0x00100010, 0xFFFFFFFF)


async def test_the_frames_of_an_instance_are_those_of_its_live_version(index: SqlIndex) -> None:
    former = a_kept(version=3)
    kept = a_kept(version=9, size_bytes=77, content="newer", on_conflict=OnConflict.NEW_VERSION)
    here = scope(uids(), Level.INSTANCE)

    for each in (former, kept):
        await index.commit([each, a_kept(uids(instance=2)), a_kept(uids(series=2))])
        (held,) = await index.instances(here, 0, 10)
        digest, described = each.dataset_sha256, each.description

        assert await index.frames(here) == FramesRecord(held, digest, b"frames")
        assert await index.described(here) == VersionedMetadata(each.version, described.metadata)


async def test_an_instance_that_is_not_held_has_no_frames(index: SqlIndex) -> None:
    await index.commit([a_kept()])

    for here in (uids(5, 5, 5), uids(1, 1, 2), uids(1, 2, 1)):
        assert await index.frames(scope(here, Level.INSTANCE)) is None
        assert await index.described(scope(here, Level.INSTANCE)) is None
    await index.delete(scope(uids(), Level.INSTANCE), ORIGIN)
    assert await index.frames(scope(uids(), Level.INSTANCE)) is None


async def test_metadata_of_row_keys_leaves_unknown_keys_out(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(instance=n)) for n in range(700)])
    keys = [each.key for each in await index.instances(scope(uids(), Level.STUDY), 0, 1000)]

    found = await index.metadata_of([*keys, keys[0], 999_999])

    assert sorted(each.key for each in found) == keys
    assert await index.metadata_of([]) == []


async def test_a_page_of_metadata_ends_where_its_texts_reach_the_limit(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(instance=n)) for n in range(7)])
    here = scope(uids(), Level.STUDY)
    all_of = await index.metadata(here, 0, 100)
    each = all_of[0].size_bytes
    assert {record.size_bytes for record in all_of} == {each}
    assert {record.bulk_table for record in all_of} == {b"bulk"}

    assert await index.metadata(here, 0, 100, 3 * each) == all_of[:3]
    assert await index.metadata(here, all_of[2].key, 100, 3 * each - 1) == all_of[3:6]
    assert await index.metadata(here, all_of[2].key, 2, 3 * each) == all_of[3:5]
    assert await index.metadata(here, 0, 100, 1) == all_of[:1]
    assert await index.metadata(here, 0, 100, 1 << 30) == all_of
    keys = [record.key for record in reversed(all_of)]
    assert await index.metadata_of(keys, 2 * each) == all_of[:2]
    assert await index.metadata_of(keys, 1) == all_of[:1]
    assert await index.metadata_of(keys, 1 << 30) == all_of


async def test_referenced_tells_live_and_former_versions_from_others(index: SqlIndex) -> None:
    live = a_kept(uids(instance=2))
    former = a_kept()
    newer = a_kept(content="b", on_conflict=OnConflict.NEW_VERSION)
    refused = a_kept(content="c")
    await index.commit([live, former, newer, refused])
    keys = [each.object_key for each in (live, former, newer, refused)]
    strange = [ObjectKey("no key"), ObjectKey("1/2/3/../4.5.dcm"), ObjectKey("")]

    assert await index.referenced([*keys, *strange]) == set(keys[:3])

    await index.delete(Scope(StudyInstanceUID(uids().study)), ORIGIN)
    assert await index.referenced(keys) == set()
