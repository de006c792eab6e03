"""One attempt at a job: its work, under a lease that is kept meanwhile, and how it ends."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from hilum.domain.errors import ArchiveFault, EngineUnavailable, HilumError
from hilum.domain.jobs import JobRecord, JobState, Progress
from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.operations.options import RunnerOptions
from hilum.operations.work import JobInterrupted, Work
from hilum.ports.job_telemetry import JobMeter
from hilum.ports.jobs import ClaimedJob, JobQueue, Jobs

log = structlog.get_logger()

PASSING = (ArchiveFault, EngineUnavailable)
"""Errors that may be gone when the job is tried again."""


@dataclass(frozen=True, slots=True)
class Around:
    """What attempts need of their process."""

    jobs: Jobs
    queue: JobQueue
    clock: Clock
    options: RunnerOptions
    meter: JobMeter
    added: Bell
    """Rung in this process for new jobs, and for what is to be cancelled."""


class HeldJob:
    """`RunningJob`: a job as long as `holder` has it."""

    def __init__(self, claim: ClaimedJob, holder: str, queue: JobQueue) -> None:
        self._claim = claim
        self._holder = holder
        self._queue = queue
        self.progress = claim.record.progress
        """As it was saved last."""
        self.stalled = claim.stalled

    @property
    def record(self) -> JobRecord:
        return self._claim.record

    @property
    def secrets(self) -> Mapping[str, str]:
        return self._claim.secrets

    async def save(self, progress: Progress) -> None:
        if not await self._queue.save(self.record.job_id, self._holder, progress):
            raise JobInterrupted
        before, self.progress = self.progress, progress
        if (before.checkpoint, before.done) != (progress.checkpoint, progress.done):
            self.stalled = 1


class Attempt:
    """Runs `work` for a claimed job until it ends, is postponed or given back."""

    def __init__(self, claim: ClaimedJob, holder: str, work: Work, around: Around) -> None:
        self._held = HeldJob(claim, holder, around.queue)
        self._record = claim.record
        self._about = {"job_id": claim.record.job_id, "kind": claim.record.kind.value}
        self._holder = holder
        self._work = work
        self._around = around

    async def run(self) -> None:
        """Do it. Cancelled, it leaves the job to the next process."""
        record, options = self._record, self._around.options
        try:
            if record.cancel_requested:
                await self._end(JobState.CANCELED)
            elif self._held.stalled > options.attempts:
                died = "The processes that worked on it ended without a word, again and again."
                await self._end(JobState.FAILED, record.error or died)
            else:
                await self._try()
        except asyncio.CancelledError:
            with suppress(HilumError):  # its lease runs out instead
                await asyncio.shield(self._around.queue.give_back(record.job_id, self._holder))
            raise
        except PASSING as error:  # of the memory of jobs: the lease runs out, and it is tried again
            log.info("job_not_noted", **self._about, error=error.code)

    async def _try(self) -> None:
        log.info("job_began", **self._about, attempt=self._record.attempts)
        task = asyncio.ensure_future(self._work.run(self._held))
        try:
            await self._keep(task)
        finally:
            await end(task)
        if task.cancelled():
            await self._interrupted()
        elif (error := task.exception()) is not None:
            await self._failed(error)
        else:
            await self._finish(JobState.SUCCEEDED, task.result())

    async def _keep(self, task: "asyncio.Future[Progress]") -> None:
        """Renew the lease until the work has ended, or should."""
        options = self._around.options
        while True:
            # Woken when something was cancelled in this process, too.
            bell = self._around.added
            waking = asyncio.create_task(bell.wait(bell.rung, options.lease_seconds / 3))
            both: list[asyncio.Future[Any]] = [task, waking]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end(waking)
            if task.done():
                return
            with suppress(*PASSING):  # nobody else can take it either
                if not await self._around.queue.renew(
                    self._record.job_id, self._holder, options.lease_seconds
                ):
                    return

    async def _failed(self, error: BaseException) -> None:
        match error:
            case JobInterrupted():
                await self._interrupted()
            case ArchiveFault() | EngineUnavailable():
                await self._passing(error)
            case HilumError():
                await self._end(JobState.FAILED, str(error))
            case _:
                log.error(
                    "job_broke",
                    **self._about,
                    error=type(error).__name__,
                    exc_info=error,
                )
                text = f"It met an error that is ours ({type(error).__name__}); the log tells more."
                await self._end(JobState.FAILED, text)

    async def _interrupted(self) -> None:
        current = await self._around.jobs.get(self._record.job_id)
        if current is not None and current.cancel_requested and not current.state.has_ended:
            await self._end(JobState.CANCELED)
        else:
            log.info("job_lost", **self._about)

    async def _passing(self, error: HilumError) -> None:
        options = self._around.options
        if self._held.stalled >= options.attempts:
            await self._end(JobState.FAILED, str(error))
        else:
            await self._postpone(error)

    async def _postpone(self, error: HilumError) -> None:
        seconds = self._around.options.pause(self._held.stalled)
        until = self._around.clock.now() + timedelta(seconds=seconds)
        await self._around.queue.postpone(self._record.job_id, self._holder, until, str(error))
        self._around.meter.postponed(self._record.kind)
        log.info("job_postponed", **self._about, error=error.code, seconds=seconds)

    async def _end(self, state: JobState, error: str = "") -> None:
        """End it without its work's doing, which tidies up before: after a crash it does again."""
        try:
            await self._work.ended(self._record, state)
        except PASSING as fault:
            await self._postpone(fault)
            return
        except Exception as fault:  # the job ends whatever is left behind, and the log tells it
            log.exception(
                "job_not_tidied",
                **self._about,
                error=type(fault).__name__,
            )
        await self._finish(state, self._held.progress, error)

    async def _finish(self, state: JobState, progress: Progress, error: str = "") -> None:
        record = self._record
        if not await self._around.queue.finish(record.job_id, self._holder, state, progress, error):
            log.info("job_lost", **self._about)
            return
        self._around.meter.ended(record.kind, state)
        seconds = (self._around.clock.now() - record.created).total_seconds()
        log.info("job_ended", **self._about, state=state.value, seconds=round(seconds, 3))
