"""What a new index takes over from another of the same engine."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from hilum.adapters.database.carrying import NOT_CARRIED, PARTS, REVISIONS
from hilum.adapters.database.sql_index import SqlIndex
from hilum.adapters.database.tables import metadata
from hilum.domain.arrivals import ArrivalState, Seen, SourceCursor, Told
from hilum.domain.delivery import DeadLetter, EventFilter, LetterOrigin, SubscriptionState
from hilum.domain.extended_tags import TagStatus
from hilum.domain.identifiers import DEFAULT_PARTITION, Scope
from hilum.domain.instances import Expiry, OnConflict
from hilum.domain.jobs import NO_PROGRESS, JobError, JobKind, NewJob, new_job_id
from hilum.domain.jobs import Progress as JobProgress
from hilum.domain.origins import Door, Origin
from hilum.domain.quarantine import QuarantineState
from hilum.domain.records import FeedKind
from hilum.domain.submissions import Advance, FileState, SubmissionState
from hilum.ports.announcing import IngestionFailure, StableBecause, StableStudy
from hilum.ports.delivery import LetterQuery, Progress
from tests.contract.index.engines import ENGINES, engine_of
from tests.contract.index.extended import AGE, NUMBER, add, found, saying, tag
from tests.contract.index.kept import ORIGIN, a_kept, uids
from tests.contract.submissions.stores import (
    a_finding,
    a_note,
    a_quarantined,
    a_submission,
    study_id,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
STUDY = uids().study


@pytest.fixture(params=ENGINES)
async def indexes(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[SqlIndex, SqlIndex]]:
    """The former one and the fresh one."""
    async with AsyncExitStack() as stack:
        opened = []
        for name in ("former", "fresh"):
            (tmp_path / name).mkdir()
            engine = stack.enter_context(engine_of(request.param, tmp_path / name))
            opened.append(await stack.enter_async_context(engine.open()))
        yield opened[0], opened[1]
        assert await opened[1].maintenance.check_integrity() == []


async def carry(former: SqlIndex, fresh: SqlIndex) -> dict[str, int]:
    await fresh.maintenance.start_feed_above(await former.maintenance.last_sequence())
    return {part.name: await fresh.carrying.take(part, former.carrying) for part in PARTS}


def stable() -> StableStudy:
    return StableStudy(DEFAULT_PARTITION, STUDY, StableBecause.SOURCE, "corr")


async def revisions(index: SqlIndex) -> list[int]:
    return [
        orjson.loads(entry.payload or "")["revision"]
        for entry in await index.feed(0, 100)
        if entry.kind is FeedKind.STUDY_STABLE
    ]


def test_of_every_table_it_is_known_whether_objects_tell_it() -> None:
    carried = {table.name for part in PARTS for table in part.tables}

    assert carried - {"feed"} | set(NOT_CARRIED) == set(metadata.tables) - {"feed"}
    assert not carried & set(NOT_CARRIED)


async def test_data_partitions_keep_their_keys_and_what_lies_in_them_is_counted_anew(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    made = await former.partitions.make("clinic", 9)
    assert made is not None
    await former.commit([a_kept(partition=made.key)])

    await carry(former, fresh)

    assert await fresh.partitions.named("clinic") == made
    assert await fresh.partitions.filled() is None


async def test_a_subscription_keeps_its_state_and_begins_at_the_start_of_the_new_feed(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    wanted = EventFilter(types=("hilum.study.*",))
    await former.commit([a_kept(uids())])
    await former.delivery.subscriptions.declare("ward", "hook", wanted, from_now=False)
    taken = await former.delivery.subscriptions.take("ward")
    await former.delivery.subscriptions.save(Progress("ward", taken.epoch, 1, 1))
    await former.delivery.subscriptions.fail("ward", "refused", 3, NOW)
    await former.delivery.subscriptions.pause("ward")

    await carry(former, fresh)

    found = await fresh.delivery.subscriptions.get("ward")
    assert found is not None
    assert (found.cursor, found.feed_id) == (0, await fresh.feed_id())
    assert (found.state, found.sent, found.filter) == (SubscriptionState.PAUSED, 1, wanted)
    assert found.epoch > taken.epoch, "who held the former row is out"
    assert (found.attempts, found.last_error) == (0, None)


async def test_what_a_subscription_was_not_told_and_no_object_tells_is_in_the_new_feed(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    await former.commit([a_kept(uids(instance=1), version=1), a_kept(uids(2), version=2)])
    await former.delete(Scope(STUDY), ORIGIN)  # entry 3, which everybody was told
    await former.delete(Scope(uids(2).study), ORIGIN)  # entry 4
    await former.delivery.ingestion_failed(
        IngestionFailure("main", "a", "Storage write failure", "store", "full", "Full.", 1, "corr")
    )
    for name, cursor in (("ahead", 5), ("behind", 3)):
        await former.delivery.subscriptions.declare(name, "hook", EventFilter(), from_now=False)
        await former.delivery.subscriptions.replay(name, cursor)

    await carry(former, fresh)
    await fresh.commit([a_kept(uids(3), version=9)])

    told = [(each.sequence, each.kind) for each in await fresh.feed(0, 10)]
    assert told[:2] == [(4, FeedKind.DELETED), (5, FeedKind.INGESTION_FAILED)]
    assert [kind for _, kind in told[2:]] == [FeedKind.CREATED]
    assert told[2][0] > 5


async def test_a_study_that_was_announced_gets_its_next_revision(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    for instance in (1, 2, 3):
        await former.commit([a_kept(uids(instance=instance), version=instance)])
        assert await former.delivery.study_stable(stable())

    await carry(former, fresh)
    await fresh.commit([a_kept(uids(instance=number), version=number) for number in (1, 2, 3)])

    assert await fresh.delivery.study_stable(stable()), "the new feed has not announced it yet"
    assert await revisions(fresh) == [4]


async def test_revisions_that_nobody_knows_any_more_are_exceeded(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    await former.carrying.raise_revision_floor(1000)
    await former.carrying.raise_revision_floor(10)

    await fresh.carrying.raise_revision_floor(await former.carrying.revision_floor())
    await fresh.commit([a_kept(uids())])
    await fresh.delivery.study_stable(stable())

    assert await revisions(fresh) == [1001]
    assert await fresh.carrying.take(REVISIONS, former.carrying) == 0


async def test_dead_letters_keep_their_numbers_and_new_ones_get_others(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    declared = await former.delivery.subscriptions.declare(
        "ward", "hook", EventFilter(), from_now=False
    )
    letter = DeadLetter(
        0, LetterOrigin.SUBSCRIPTION, "ward", 1, "event-1", "hilum.instance.created.v1", STUDY,
        "corr", "http-422", "Refused.", 1, NOW, NOW, headers={"a": "b"}, body=b"{}",
    )  # fmt: skip
    progress = Progress("ward", declared.epoch, 1)
    await former.delivery.subscriptions.reject(progress, [letter])

    assert (await carry(former, fresh))["dead letters"] == 1

    query = LetterQuery(LetterOrigin.SUBSCRIPTION)
    before = (await former.delivery.letters.list(query, 0, 10))[0]
    (after,) = await fresh.delivery.letters.list(query, 0, 10)
    assert after == before
    assert await fresh.delivery.letters.get(after.key) == await former.delivery.letters.get(
        before.key
    )
    await fresh.delivery.ingestion_failed(
        IngestionFailure("main", "a", "Storage write failure", "store", "full", "Full.", 1, "corr")
    )
    keys = [each.key for each in await fresh.delivery.letters.list(LetterQuery(), 0, 10)]
    assert keys == sorted({before.key, *keys})
    assert len(keys) == 2


async def test_sources_are_read_on_from_where_they_were_and_nobody_holds_an_arrival(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    await former.arrivals.note([Seen("main", "a", "corr", Told.WEBHOOK)])
    await former.arrivals.claim("worker", ["main"], 1, datetime.now(UTC) + HOUR)
    await former.arrivals.follow("main", "worker", datetime.now(UTC) + HOUR)
    cursor = SourceCursor("main", 42, "mark", None, False, None, "")
    assert await former.arrivals.advance(cursor, "worker")

    await carry(former, fresh)

    until = datetime.now(UTC) + HOUR
    followed = await fresh.arrivals.follow("main", "another", until)
    assert followed is not None
    assert (followed.sequence, followed.mark) == (42, "mark")
    (claimed,) = await fresh.arrivals.claim("another", ["main"], 1, until)
    assert (claimed.source_id, claimed.correlation_id) == ("a", "corr")
    (noted,) = await fresh.arrivals.note([Seen("main", "b", "corr", Told.WEBHOOK)])
    assert noted is not None
    assert noted.key > claimed.key
    assert noted.state is ArrivalState.WAITING


async def test_instances_say_again_where_they_came_from(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    stow = Origin(Door.STOW, "corr-7", "10.0.0.7", "somebody")
    await former.commit([a_kept(uids(), version=7, origin=stow)])
    rebuilt = Origin(Door.REBUILD, "corr-8")
    await fresh.commit(
        [
            a_kept(uids(), version=7, origin=rebuilt),
            a_kept(uids(instance=2), version=8, origin=rebuilt),
        ]
    )

    assert await fresh.carrying.take_origins(former.carrying) == 1

    (before,) = await former.maintenance.versions(0, 10)
    found, unknown = await fresh.maintenance.versions(0, 10)
    assert (found.origin, found.created) == (stow, before.created)
    assert unknown.origin == rebuilt


async def test_submissions_and_quarantine_are_taken_over_and_worked_on_at_once(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    one, two = study_id(1), study_id(2)
    for number in (1, 2):
        await former.submissions.receive(a_submission(number))
    note = a_note(0, FileState.ARCHIVED, uids=uids(), findings=(a_finding(),))
    await former.submissions.note_files(one, [note])
    await former.submissions.advance(one, Advance(SubmissionState.ARCHIVED))
    key = await former.quarantine.add(a_quarantined(study_id=one))
    await former.quarantine.decide(key, QuarantineState.REPAIRED, "anna", "mended", NOW)

    carried = await carry(former, fresh)

    assert (carried["submissions"], carried["quarantined files"]) == (2, 1)
    for study in (one, two):
        before = await former.submissions.submission(study)
        assert await fresh.submissions.submission(study) == before
        files = await former.submissions.files(study, -1, 10)
        assert await fresh.submissions.files(study, -1, 10) == files
    assert await fresh.quarantine.get(key) == await former.quarantine.get(key)
    (unfinished,) = await fresh.submissions.unfinished(NOW, 10)
    assert unfinished.study_id == two
    await fresh.submissions.receive(a_submission(3))
    keys = {each.study_id: each.key for each in await fresh.submissions.submissions()}
    assert keys[study_id(3)] > max(keys[one], keys[two])
    assert await fresh.quarantine.add(a_quarantined("q-2/0")) > key
    assert await fresh.submissions.advance(two, Advance(SubmissionState.VALIDATING))


async def test_steps_of_submissions_that_were_not_told_yet_are_in_the_new_feed(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    declared = await former.delivery.subscriptions.declare(
        "ward", "hook", EventFilter(), from_now=False
    )
    for number in (1, 2):
        await former.submissions.receive(a_submission(number))
    await former.delivery.subscriptions.save(Progress("ward", declared.epoch, 1, 1))

    await carry(former, fresh)

    (entry,) = await fresh.feed(0, 10)
    assert (entry.sequence, entry.kind) == (2, FeedKind.STUDY_UPLOADED)
    assert orjson.loads(entry.payload or "")["study_id"] == study_id(2)


async def test_expiries_are_taken_over_and_putting_the_objects_back_leaves_them(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    await former.commit([replace(a_kept(), expiry=Expiry(NOW + HOUR))])

    carried = await carry(former, fresh)
    await fresh.commit([a_kept(on_conflict=OnConflict.NEW_VERSION)])

    assert carried["expiries of studies"] == 1
    (coming,) = await fresh.expiry.coming(10)
    assert (coming.study, coming.expires) == (STUDY, NOW + HOUR)
    assert await fresh.expiry.delete_expired(Scope(STUDY), NOW + HOUR, ORIGIN) == 1


async def test_extended_query_tags_index_what_is_committed_to_the_new_index(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    await former.commit([saying(uids(), PatientAge="031Y", InstanceNumber=1)])
    await add(former, AGE)
    await former.extended.delete(AGE.path)
    await add(former, NUMBER)
    await former.extended.enable(NUMBER.path, enabled=False)

    carried = await carry(former, fresh)
    await fresh.commit([saying(uids(), PatientAge="031Y", InstanceNumber=1)])

    assert carried["extended query tags"] == 1
    held = await tag(fresh, NUMBER)
    assert (held.status, held.query_enabled, held.job_id) == (TagStatus.READY, False, None)
    assert await found(fresh, NUMBER, 1) == 1
    await add(fresh, AGE)
    assert (await tag(fresh, AGE)).key > held.key


async def test_exports_begin_anew_since_their_checkpoints_tell_keys_of_the_former_index(
    indexes: tuple[SqlIndex, SqlIndex],
) -> None:
    former, fresh = indexes
    for kind in (JobKind.EXPORT, JobKind.IMPORT):
        job = await former.jobs.add(NewJob(new_job_id(), kind, {}, secrets={"sas": "secret"}))
        await former.jobs.claim([kind], "dead", 60)
        done = JobProgress({"after": "7", "errors": 1}, 1, 2, {"skipped": 1})
        assert await former.jobs.save(job.job_id, "dead", done)
        await former.job_errors.keep(job.job_id, 1, [JobError("1.2.3", "Not held.", NOW)])

    await carry(former, fresh)

    claimed = await fresh.jobs.claim([JobKind.EXPORT], "living", 60)
    assert claimed is not None
    assert (claimed.record.progress, claimed.secrets) == (NO_PROGRESS, {"sas": "secret"})
    assert await fresh.job_errors.errors(claimed.record.job_id, 0, 10) == []
    imported = await fresh.jobs.claim([JobKind.IMPORT], "living", 60)
    assert imported is not None
    assert imported.record.progress.checkpoint["after"] == "7"
    assert len(await fresh.job_errors.errors(imported.record.job_id, 0, 10)) == 1
