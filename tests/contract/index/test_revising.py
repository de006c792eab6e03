"""`InstanceReviser.revise`, and reading the edition that a revision leaves beside it."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.times import now_microseconds, to_microseconds
from hilum.domain.editions import Edition
from hilum.domain.identifiers import InstanceUIDs, Scope, Version, parse_object_key
from hilum.domain.instances import Kept, OnConflict, Revision
from hilum.domain.levels import Level
from hilum.domain.records import FeedKind
from tests.contract.index.engines import Engine
from tests.contract.index.kept import ORIGIN, a_kept, scope, uids

_LATER = datetime(2100, 1, 1, tzinfo=UTC)


def _study(edition: Edition = Edition.LATEST) -> Scope:
    return replace(scope(uids(), Level.STUDY), edition=edition)


async def _newest(index: SqlIndex) -> Version:
    summary = await index.summary(_study())
    assert summary is not None
    return summary.newest_version


async def _revisions(index: SqlIndex, content: str = "revised") -> list[Kept]:
    """One revision of each instance of the study, made of what is live."""
    latest = await index.instances(_study(), 0, 100)
    originals = await index.instances(_study(Edition.ORIGINAL), 0, 100)
    (first, *_) = await index.reserve_versions(len(latest))
    return [
        replace(
            a_kept(
                live.uids,
                content=f"{content} {live.uids.sop_instance}",
                version=first + number,
                PatientName="New^Name",
                size_bytes=2000,
            ),
            revision=Revision(live.version, parse_object_key(original.object_key)[2]),
        )
        for number, (live, original) in enumerate(zip(latest, originals, strict=True))
    ]


async def _revise(index: SqlIndex, content: str = "revised") -> list[Kept]:
    batch = await _revisions(index, content)
    assert await index.revise(_study(), await _newest(index), batch) is not None
    return batch


async def _filled(index: SqlIndex) -> list[Kept]:
    batch = [
        a_kept(uids(1, series, number), PatientName="Old^Name", size_bytes=1000)
        for series in (1, 2)
        for number in (1, 2)
    ]
    await index.commit(batch)
    return batch


async def _keys(index: SqlIndex, edition: Edition) -> list[str]:
    return [each.object_key for each in await index.instances(_study(edition), 0, 100)]


async def _queued(index: SqlIndex) -> set[str]:
    return {each.object_key for each in await index.due(_LATER, 100)}


def _names(batch: list[Kept]) -> list[str]:
    return [each.object_key for each in batch]


async def test_a_revised_study_has_both_editions_and_announces_each_instance(
    index: SqlIndex,
) -> None:
    first = await _filled(index)

    revised = await _revise(index)

    assert await _keys(index, Edition.LATEST) == _names(revised)
    assert await _keys(index, Edition.ORIGINAL) == _names(first)
    assert await _queued(index) == set()
    entries = (await index.feed(0, 100))[len(first) :]
    assert [(each.kind, each.uids, each.version) for each in entries] == [
        (FeedKind.UPDATED, each.description.uids, each.version) for each in revised
    ]
    assert (await index.counts()).size_bytes == 4 * 2000
    assert await index.referenced(_names(first)) == set(_names(first))


async def test_each_question_is_answered_for_the_edition_that_was_meant(index: SqlIndex) -> None:
    (first, *_) = await _filled(index)
    (revised, *_) = await _revise(index)
    latest = scope(uids(), Level.INSTANCE)
    original = replace(latest, edition=Edition.ORIGINAL)

    for asked, kept in ((latest, revised), (original, first)):
        described = kept.description
        (record,) = await index.instances(asked, 0, 10)
        assert (record.version, record.size_bytes) == (kept.version, kept.size_bytes)
        (metadata,) = await index.metadata(asked, 0, 10)
        assert metadata.metadata == described.metadata
        frames = await index.frames(asked)
        assert frames is not None
        assert (frames.instance, frames.dataset_sha256) == (record, kept.dataset_sha256)
        found = await index.described(asked)
        assert found is not None
        assert (found.version, found.metadata) == (kept.version, described.metadata)
        (bulk,) = await index.bulk(asked, 0, 10)
        assert (bulk.instance, bulk.bulk_table) == (record, described.bulk_table)
        summary = await index.summary(asked)
        assert summary is not None
        assert summary.newest_version == kept.version


@pytest.mark.parametrize("level", list(Level))
async def test_what_was_never_revised_is_its_own_original(index: SqlIndex, level: Level) -> None:
    await _filled(index)
    latest = scope(uids(), level)
    original = replace(latest, edition=Edition.ORIGINAL)

    assert await index.instances(original, 0, 10) == await index.instances(latest, 0, 10)
    assert await index.metadata(original, 0, 10) == await index.metadata(latest, 0, 10)
    assert await index.summary(original) == await index.summary(latest)


async def test_a_second_revision_takes_the_place_of_the_first_and_not_of_the_original(
    index: SqlIndex,
) -> None:
    first = await _filled(index)
    second = await _revise(index)

    third = await _revise(index, "revised again")

    assert await _keys(index, Edition.LATEST) == _names(third)
    assert await _keys(index, Edition.ORIGINAL) == _names(first)
    assert await _queued(index) == set(_names(second))


async def test_a_replaced_instance_has_no_original_any_more(index: SqlIndex) -> None:
    (first, *others) = await _filled(index)
    (revised, *_) = await _revise(index)
    (number,) = await index.reserve_versions(1)
    new = a_kept(uids(), content="new", on_conflict=OnConflict.NEW_VERSION, version=number)

    await index.commit([new])

    assert await _queued(index) == {first.object_key, revised.object_key}
    assert set(await _keys(index, Edition.ORIGINAL)) == {new.object_key, *_names(others)}


@pytest.mark.parametrize("level", list(Level))
async def test_a_delete_queues_both_editions(index: SqlIndex, level: Level) -> None:
    first = await _filled(index)
    revised = await _revise(index)
    gone = {Level.STUDY: 4, Level.SERIES: 2, Level.INSTANCE: 1}[level]

    assert await index.delete(scope(uids(), level), ORIGIN) == gone

    assert await _queued(index) == set(_names(first[:gone] + revised[:gone]))
    assert len(await index.feed(0, 100)) == 8 + gone


async def _add(index: SqlIndex) -> None:
    await index.commit([a_kept(uids(1, 3, 1))])


async def _replace(index: SqlIndex) -> None:
    (number,) = await index.reserve_versions(1)
    await index.commit(
        [a_kept(uids(), content="x", on_conflict=OnConflict.NEW_VERSION, version=number)]
    )


async def _delete(index: SqlIndex) -> None:
    await index.delete(scope(uids(), Level.INSTANCE), ORIGIN)


@pytest.mark.parametrize("change", [_add, _replace, _delete])
async def test_a_study_that_changed_meanwhile_is_not_revised_at_all(
    index: SqlIndex, change: object
) -> None:
    await _filled(index)
    newest, batch = await _newest(index), await _revisions(index)
    assert callable(change)
    await change(index)
    before = (await _keys(index, Edition.LATEST), len(await index.feed(0, 100)))

    assert await index.revise(_study(), newest, batch) is None

    assert (await _keys(index, Edition.LATEST), len(await index.feed(0, 100))) == before
    assert await _keys(index, Edition.ORIGINAL) == before[0]


async def test_a_revision_of_what_is_not_live_takes_the_whole_batch_with_it(
    index: SqlIndex,
) -> None:
    first = await _filled(index)
    *batch, last = await _revisions(index)
    stale = replace(last, revision=Revision(Version(last.version + 1), Version(1)))

    assert await index.revise(_study(), await _newest(index), [*batch, stale]) is None

    assert await _keys(index, Edition.LATEST) == _names(first)


async def test_editions_that_come_in_one_batch_are_kept_as_they_were(index: SqlIndex) -> None:
    def version(number: int, of: InstanceUIDs, revision: Revision | None = None) -> Kept:
        kept = a_kept(
            of,
            content=f"number {number}",
            version=number,
            on_conflict=OnConflict.NEW_VERSION,
            PatientName=f"Number^{number}",
        )
        return replace(kept, revision=revision)

    made_of_first = Revision(None, Version(1))
    plain, revised, again = (uids(instance=number) for number in (1, 2, 3))
    await index.commit(
        [
            version(1, revised),
            version(2, again),
            version(3, plain),
            version(4, revised, made_of_first),
            version(5, again, Revision(None, Version(2))),
            version(6, revised, made_of_first),
            version(7, again),
            version(8, plain, Revision(None, Version(99))),
        ]
    )

    def numbers(keys: list[str]) -> list[int]:
        return sorted(parse_object_key(key)[2] for key in keys)

    assert numbers(await _keys(index, Edition.LATEST)) == [6, 7, 8]
    assert numbers(await _keys(index, Edition.ORIGINAL)) == [1, 7, 8]
    assert numbers(list(await _queued(index))) == [2, 3, 4, 5]
    (original,) = await index.metadata(
        replace(scope(revised, Level.INSTANCE), edition=Edition.ORIGINAL), 0, 1
    )
    assert b"number 1" in original.metadata.deflated


async def test_originals_are_told_to_those_who_check_and_count_as_live(index: SqlIndex) -> None:
    first = await _filled(index)
    second = await _revise(index)
    third = await _revise(index, "again")

    walked = await index.maintenance.versions(0, 100)

    told = {each.object_key: (each.live, each.original) for each in walked}
    assert {told[key] for key in _names(first)} == {(False, True)}
    assert {told[key] for key in _names(second)} == {(False, False)}
    assert {told[key] for key in _names(third)} == {(True, False)}
    versions = [each.version for each in (*first, *second, *third)]
    live = await index.maintenance.live(versions)
    assert live == {each.version for each in (*first, *third)}


async def test_a_revision_that_waited_for_the_feed_has_the_time_at_which_it_got_it(
    engine: Engine,
) -> None:
    """A window of time that was read while it waited must not change any more."""
    async with engine.open() as index:
        first = await _filled(index)
        batch, newest = await _revisions(index), await _newest(index)
        with closing(engine.dialect.connect_writer()) as other:
            other.execute(engine.dialect.begin)
            engine.dialect.lock_feed(other)
            waiting = asyncio.create_task(index.revise(_study(), newest, batch))
            await asyncio.sleep(0.2)
            freed = now_microseconds()
            other.rollback()

        assert await waiting is not None
        entries = await index.changes.after(len(first), 100)
        assert len(entries) == len(first)
        assert all(to_microseconds(each.time) >= freed for each in entries)
