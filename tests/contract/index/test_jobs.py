"""`Jobs` and `JobQueue` over the index's database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.jobs import JobActive, JobError, JobId, JobKind, JobState, NewJob, Progress
from hilum.ports.jobs import JobQuery
from tests.contract.index.engines import Engine

ALL = tuple(JobKind)
NOW = datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=1)


def _new(kind: JobKind = JobKind.EXPORT, **members: Any) -> NewJob:
    return NewJob(JobId(uuid4().hex), kind, members.pop("request", {}), **members)


async def test_a_job_comes_back_as_it_was_added(index: SqlIndex) -> None:
    new = _new(request={"a": [1, "ä"]}, principal="robot", correlation_id="c-1")

    added = await index.jobs.add(new)

    assert await index.jobs.get(new.job_id) == added
    assert (added.kind, added.state) == (JobKind.EXPORT, JobState.NOT_STARTED)
    assert added.request == {"a": [1, "ä"]}
    assert (added.principal, added.correlation_id) == ("robot", "c-1")
    assert await index.jobs.get(JobId("0" * 32)) is None


async def test_the_oldest_due_job_is_claimed_once(index: SqlIndex) -> None:
    first, second = await index.jobs.add(_new()), await index.jobs.add(_new())

    one = await index.jobs.claim(ALL, "a", 60)
    two = await index.jobs.claim(ALL, "b", 60)
    none = await index.jobs.claim(ALL, "c", 60)

    assert one is not None
    assert two is not None
    assert (one.record.job_id, two.record.job_id) == (first.job_id, second.job_id)
    assert (one.record.state, one.record.attempts) == (JobState.RUNNING, 1)
    assert none is None


async def test_only_the_kinds_that_are_asked_for_are_claimed(index: SqlIndex) -> None:
    await index.jobs.add(_new(JobKind.IMPORT))

    assert await index.jobs.claim([JobKind.EXPORT], "a", 60) is None
    assert await index.jobs.claim([], "a", 60) is None


async def test_two_processes_never_get_the_same_job(engine: Engine) -> None:
    async with engine.open() as one, engine.open() as two:
        for _ in range(6):
            await one.jobs.add(_new())

        claims = await asyncio.gather(
            *(each.jobs.claim(ALL, f"h{number}", 60) for number in range(6) for each in (one, two))
        )

        keys = [claim.record.key for claim in claims if claim is not None]
        assert len(keys) == len(set(keys))


async def test_a_claim_that_ended_is_anothers(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.jobs.claim(ALL, "dead", -1)

    again = await index.jobs.claim(ALL, "alive", 60)

    assert again is not None
    assert (again.record.attempts, again.stalled) == (2, 2)
    assert not await index.jobs.renew(job.job_id, "dead", 60)
    assert not await index.jobs.save(job.job_id, "dead", Progress({"at": 1}))
    assert not await index.jobs.finish(job.job_id, "dead", JobState.SUCCEEDED, Progress({}))
    assert await index.jobs.renew(job.job_id, "alive", 60)


async def test_progress_is_where_the_next_attempt_goes_on(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", -1)
    await index.jobs.claim(ALL, "b", -1)
    progress = Progress({"at": 7}, 7, 20, {"exported": 7})

    assert await index.jobs.save(job.job_id, "b", progress)
    again = await index.jobs.claim(ALL, "c", 60)

    assert again is not None
    assert again.record.progress == progress
    assert again.record.progress.percent == 35
    assert (again.record.attempts, again.stalled) == (3, 2), "it got somewhere: counted anew"


async def test_an_end_frees_what_was_exclusive_and_forgets_secrets(index: SqlIndex) -> None:
    new = _new(JobKind.REINDEX, exclusive="reindex", secrets={"key": "hush"})
    await index.jobs.add(new)
    with pytest.raises(JobActive) as refused:
        await index.jobs.add(_new(JobKind.REINDEX, exclusive="reindex"))
    claimed = await index.jobs.claim(ALL, "a", 60)

    ended = await index.jobs.finish(
        new.job_id, "a", JobState.FAILED, Progress({}, 1, 2), "It broke."
    )

    assert refused.value.job_id == new.job_id
    assert claimed is not None
    assert claimed.secrets == {"key": "hush"}
    assert ended
    found = await index.jobs.get(new.job_id)
    assert found is not None
    assert (found.state, found.error, found.progress.done) == (JobState.FAILED, "It broke.", 1)
    await index.jobs.add(_new(JobKind.REINDEX, exclusive="reindex"))


async def test_secrets_are_gone_from_the_database_at_the_end(engine: Engine) -> None:
    async with engine.open() as index:
        job = await index.jobs.add(_new(secrets={"key": "hush"}))
        await index.jobs.claim(ALL, "a", 60)
        assert "hush" in engine.execute("SELECT secrets FROM job_secret")[0][0]

        await index.jobs.finish(job.job_id, "a", JobState.SUCCEEDED, Progress({}))

        assert engine.execute("SELECT secrets FROM job_secret") == []


async def test_a_job_that_is_cancelled_is_noticed_and_given_to_who_ends_it(
    index: SqlIndex,
) -> None:
    running, waiting = await index.jobs.add(_new()), await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", 60)

    told = await index.jobs.cancel(running.job_id)
    await index.jobs.cancel(waiting.job_id)

    assert told is not None
    assert told.cancel_requested
    assert not await index.jobs.renew(running.job_id, "a", 60)
    assert not await index.jobs.save(running.job_id, "a", Progress({}))
    assert await index.jobs.finish(running.job_id, "a", JobState.CANCELED, Progress({}))
    claimed = await index.jobs.claim(ALL, "b", 60)
    assert claimed is not None
    assert (claimed.record.job_id, claimed.record.cancel_requested) == (waiting.job_id, True)
    assert await index.jobs.cancel(JobId("f" * 32)) is None


async def test_what_has_ended_stays_as_it_is(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", 60)
    await index.jobs.finish(job.job_id, "a", JobState.SUCCEEDED, Progress({}))

    told = await index.jobs.cancel(job.job_id)

    assert told is not None
    assert (told.state, told.cancel_requested) == (JobState.SUCCEEDED, False)
    assert not await index.jobs.finish(job.job_id, "a", JobState.FAILED, Progress({}))


async def test_a_postponed_job_waits_unless_it_is_cancelled(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", 60)

    await index.jobs.postpone(job.job_id, "a", LATER, "The disk is full.")

    found = await index.jobs.get(job.job_id)
    assert found is not None
    assert (found.state, found.error) == (JobState.RUNNING, "The disk is full.")
    assert await index.jobs.claim(ALL, "b", 60) is None
    await index.jobs.cancel(job.job_id)
    assert await index.jobs.claim(ALL, "b", 60) is not None


async def test_a_job_that_is_given_back_is_anothers_at_once(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", 60)

    await index.jobs.give_back(job.job_id, "a")

    again = await index.jobs.claim(ALL, "b", 60)
    assert again is not None
    assert (again.record.attempts, again.stalled) == (1, 1)


async def test_the_only_process_takes_what_a_dead_one_held_at_once(index: SqlIndex) -> None:
    ended, held = await index.jobs.add(_new()), await index.jobs.add(_new())
    await index.jobs.claim(ALL, "dead", 3600)
    await index.jobs.finish(ended.job_id, "dead", JobState.SUCCEEDED, Progress({}))
    await index.jobs.claim(ALL, "dead", 3600)

    await index.jobs.release_all()

    again = await index.jobs.claim(ALL, "alive", 60)
    assert again is not None
    assert (again.record.job_id, again.record.attempts) == (held.job_id, 2)
    assert await index.jobs.claim(ALL, "alive", 60) is None


async def test_jobs_are_listed_newest_first(index: SqlIndex) -> None:
    jobs = [await index.jobs.add(_new(kind, request={"a": 1})) for kind in ALL]
    await index.jobs.claim([JobKind.UPDATE], "a", 60)

    everything = await index.jobs.list(JobQuery(), None, 10)
    page = await index.jobs.list(JobQuery(), jobs[2].key, 1)
    running = await index.jobs.list(JobQuery(state=JobState.RUNNING), None, 10)
    exports = await index.jobs.list(JobQuery(kind=JobKind.EXPORT), None, 10)

    assert [each.key for each in everything] == [each.key for each in reversed(jobs)]
    assert [each.key for each in page] == [jobs[1].key]
    assert jobs[0].request
    assert all(each.request == {} for each in everything)  # however long they are
    assert [each.kind for each in running] == [JobKind.UPDATE]
    assert [each.kind for each in exports] == [JobKind.EXPORT]


async def test_jobs_are_forgotten_long_after_their_end(index: SqlIndex) -> None:
    ended, active = await index.jobs.add(_new()), await index.jobs.add(_new())
    await index.jobs.claim(ALL, "a", 60)
    await index.jobs.finish(ended.job_id, "a", JobState.SUCCEEDED, Progress({}))

    assert await index.jobs.prune(ended.created - timedelta(hours=1), 10) == 0
    assert await index.jobs.prune(LATER, 10) == 1

    assert await index.jobs.get(ended.job_id) is None
    assert await index.jobs.get(active.job_id) == replace(active)


async def test_errors_are_told_in_order_and_those_of_a_broken_attempt_are_replaced(
    index: SqlIndex,
) -> None:
    job = await index.jobs.add(_new())
    errors = [JobError(f"file {number}", "It is no DICOM.", NOW) for number in range(5)]
    await index.job_errors.keep(job.job_id, 1, errors[:3])

    await index.job_errors.keep(job.job_id, 3, errors[3:])

    assert await index.job_errors.errors(job.job_id, 0, 10) == [*errors[:2], *errors[3:]]
    assert await index.job_errors.errors(job.job_id, 3, 10) == errors[4:]
    assert await index.job_errors.errors(job.job_id, 1, 1) == errors[1:2]
    assert await index.job_errors.errors(JobId("0" * 32), 0, 10) == []


async def test_errors_are_forgotten_with_their_job(index: SqlIndex) -> None:
    job = await index.jobs.add(_new())
    await index.job_errors.keep(job.job_id, 1, [JobError("a", "b", NOW)])
    await index.jobs.claim(ALL, "a", 60)
    await index.jobs.finish(job.job_id, "a", JobState.SUCCEEDED, Progress({}))

    assert await index.jobs.prune(LATER, 10) == 1

    await index.job_errors.keep(job.job_id, 1, [JobError("a", "b", NOW)])
    assert await index.job_errors.errors(job.job_id, 0, 10) == []
