"""`JobRunner` over jobs in a database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from hilum.domain.errors import ArchiveUnavailable, InvalidRequest
from hilum.domain.jobs import JobId, JobKind, JobRecord, JobState, NewJob, Progress, new_job_id
from hilum.foundation.clock import SystemClock
from hilum.operations.options import RunnerOptions
from hilum.operations.running import JobRunner
from hilum.operations.work import RunningJob, number_of
from tests.contract.index.engines import make_engine

_QUICK = RunnerOptions(
    lease_seconds=0.3, poll_seconds=0.02, first_pause_seconds=0.01, attempts=3, concurrent=2
)


@dataclass
class Told:
    """A work that does what it is told."""

    steps: Callable[[RunningJob], Awaitable[Progress]]
    kind: JobKind = JobKind.EXPORT
    tidied: list[tuple[JobId, JobState]] = field(default_factory=list)

    async def run(self, job: RunningJob) -> Progress:
        return await self.steps(job)

    async def ended(self, record: JobRecord, state: JobState) -> None:
        self.tidied.append((record.job_id, state))


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[SqlIndex]:
    async with make_engine("sqlite", tmp_path).open() as opened:
        yield opened


@asynccontextmanager
async def _running(
    index: SqlIndex, work: Told, options: RunnerOptions = _QUICK
) -> AsyncIterator[JobRunner]:
    jobs = index.jobs
    runner = JobRunner(
        jobs, jobs, jobs.added, [work], SystemClock(), holder="here", options=options
    )
    async with runner:
        yield runner


async def _add(index: SqlIndex, kind: JobKind = JobKind.EXPORT) -> JobId:
    return (await index.jobs.add(NewJob(new_job_id(), kind, {}))).job_id


async def _end_of(index: SqlIndex, job_id: JobId) -> JobRecord:
    async with asyncio.timeout(10):
        while True:
            record = await index.jobs.get(job_id)
            assert record is not None
            if record.state.has_ended:
                return record
            await asyncio.sleep(0.005)


async def test_a_job_runs_at_once_and_its_results_stay(index: SqlIndex) -> None:
    async def steps(job: RunningJob) -> Progress:
        await job.save(Progress({"at": 1}, 1, 2))
        return Progress({}, 2, 2, {"exported": 2})

    options = RunnerOptions(poll_seconds=60)
    async with _running(index, Told(steps), options):
        record = await _end_of(index, await _add(index))

    assert record.state is JobState.SUCCEEDED
    assert record.progress == Progress({}, 2, 2, {"exported": 2})


async def test_a_lease_is_kept_while_the_work_takes_longer(index: SqlIndex) -> None:
    begun = 0

    async def steps(_job: RunningJob) -> Progress:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.45)
        return Progress({})

    work = Told(steps)
    async with _running(index, work), _running(index, work):
        record = await _end_of(index, await _add(index))

    assert (record.state, record.attempts, begun) == (JobState.SUCCEEDED, 1, 1)


async def test_an_outage_is_waited_for_and_the_work_goes_on_from_its_checkpoint(
    index: SqlIndex,
) -> None:
    async def steps(job: RunningJob) -> Progress:
        at = number_of(job.record.progress.checkpoint, "at")
        if at < 4:
            await job.save(Progress({"at": at + 1}, at + 1, 4))
            raise ArchiveUnavailable("The disk is away.")
        return job.record.progress

    work = Told(steps)
    async with _running(index, work):
        record = await _end_of(index, await _add(index))

    assert (record.state, record.progress.done) == (JobState.SUCCEEDED, 4)
    assert record.attempts == 5, "more than may get nowhere: each got further"
    assert work.tidied == []


async def test_a_job_that_gets_nowhere_fails_after_its_attempts(index: SqlIndex) -> None:
    async def steps(_job: RunningJob) -> Progress:
        raise ArchiveUnavailable("The disk is away.")

    work = Told(steps)
    async with _running(index, work):
        record = await _end_of(index, await _add(index))

    assert (record.state, record.error) == (JobState.FAILED, "The disk is away.")
    assert record.attempts == 3
    assert work.tidied == [(record.job_id, JobState.FAILED)]


async def test_a_job_whose_processes_all_die_fails(index: SqlIndex) -> None:
    async def steps(_job: RunningJob) -> Progress:
        return Progress({})

    job_id = await _add(index)
    for _ in range(3):
        assert await index.jobs.claim([JobKind.EXPORT], "dead", -1) is not None
    work = Told(steps)
    async with _running(index, work):
        record = await _end_of(index, job_id)

    assert record.state is JobState.FAILED
    assert "again and again" in record.error
    assert work.tidied == [(job_id, JobState.FAILED)]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidRequest("No such container."), "No such container."),
        (KeyError("Doe^John"), "KeyError"),
    ],
)
async def test_any_other_error_ends_a_job(index: SqlIndex, error: Exception, told: str) -> None:
    async def steps(_job: RunningJob) -> Progress:
        raise error

    async with _running(index, Told(steps)):
        record = await _end_of(index, await _add(index))

    assert (record.state, record.attempts) == (JobState.FAILED, 1)
    assert told in record.error
    assert "Doe" not in record.error


async def test_cancelling_ends_running_and_waiting_jobs_and_tidies_up(index: SqlIndex) -> None:
    began = asyncio.Event()

    async def steps(_job: RunningJob) -> Progress:
        began.set()
        await asyncio.sleep(60)
        return Progress({})

    work = Told(steps)
    options = RunnerOptions(lease_seconds=600, poll_seconds=600, concurrent=1)
    async with _running(index, work, options):
        running, waiting = await _add(index), await _add(index)
        await began.wait()
        await index.jobs.cancel(waiting)
        await index.jobs.cancel(running)
        records = [await _end_of(index, each) for each in (running, waiting)]

    assert [each.state for each in records] == [JobState.CANCELED] * 2
    assert work.tidied == [(each, JobState.CANCELED) for each in (running, waiting)]


async def test_a_work_that_saves_notices_that_it_is_cancelled(index: SqlIndex) -> None:
    saved = asyncio.Event()

    async def steps(job: RunningJob) -> Progress:
        for number in range(10_000):
            await job.save(Progress({"at": number}, number))
            saved.set()
        return Progress({})

    async with _running(index, Told(steps), RunnerOptions(lease_seconds=60)):
        job_id = await _add(index)
        await saved.wait()
        await index.jobs.cancel(job_id)
        record = await _end_of(index, job_id)

    assert record.state is JobState.CANCELED


async def test_a_process_that_closes_leaves_the_job_to_the_next_at_once(index: SqlIndex) -> None:
    began = asyncio.Event()

    async def for_ever(job: RunningJob) -> Progress:
        await job.save(Progress({"at": 7}))
        began.set()
        await asyncio.sleep(60)
        return Progress({})

    async def to_the_end(job: RunningJob) -> Progress:
        return Progress(job.record.progress.checkpoint)

    options = RunnerOptions(lease_seconds=600)
    async with _running(index, Told(for_ever), options):
        job_id = await _add(index)
        await began.wait()
    async with _running(index, Told(to_the_end), options):
        record = await _end_of(index, job_id)

    assert (record.state, record.attempts) == (JobState.SUCCEEDED, 1)
    assert record.progress.checkpoint == {"at": 7}


async def test_only_so_many_run_at_once_and_others_wait(index: SqlIndex) -> None:
    now = most = 0

    async def steps(_job: RunningJob) -> Progress:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return Progress({})

    async with _running(index, Told(steps)):
        jobs = [await _add(index) for _ in range(5)]
        records = [await _end_of(index, each) for each in jobs]

    assert {each.state for each in records} == {JobState.SUCCEEDED}
    assert most == 2


async def test_jobs_without_a_work_here_are_left_to_others(index: SqlIndex) -> None:
    async def steps(_job: RunningJob) -> Progress:
        return Progress({})

    async with _running(index, Told(steps)):
        other, own = await _add(index, JobKind.IMPORT), await _add(index)
        await _end_of(index, own)

    left = await index.jobs.get(other)
    assert left is not None
    assert left.state is JobState.NOT_STARTED
