"""Runs the jobs of one process: takes what is due, so many at once, and forgets old ones.

Of several processes on one database each job is in the hands of one, by its lease.
"""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault, HilumError
from hilum.domain.jobs import JobKind
from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.outage import Outage
from hilum.foundation.tasks import end
from hilum.operations.attempt import Around, Attempt
from hilum.operations.options import RunnerOptions
from hilum.operations.work import Work
from hilum.ports.job_telemetry import JobMeter, NoJobMeter
from hilum.ports.jobs import ClaimedJob, JobQueue, Jobs

log = structlog.get_logger()

_PRUNED: Final = 200


class JobRunner:
    """Works while it is entered; leaving gives back what has not ended. Use with `async with`.

    `added` is rung when this process may have something to claim. `holder` names the process.
    """

    def __init__(
        self,
        jobs: Jobs,
        queue: JobQueue,
        added: Bell,
        works: Sequence[Work],
        clock: Clock,
        *,
        holder: str,
        options: RunnerOptions | None = None,
        meter: JobMeter | None = None,
    ) -> None:
        options = options or RunnerOptions()
        self._around = Around(jobs, queue, clock, options, meter or NoJobMeter(), added)
        self._added = added
        self._works: dict[JobKind, Work] = {work.kind: work for work in works}
        self._holder = holder
        self._room = asyncio.Semaphore(options.concurrent)
        self._attempts: set[asyncio.Task[None]] = set()
        self._outage = Outage(clock)

    @property
    def alive(self) -> bool:
        """Whether it still takes jobs."""
        return not self._taking.done()

    async def __aenter__(self) -> Self:
        self._taking = asyncio.create_task(self._take())
        self._pruning = asyncio.create_task(self._prune())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._taking, self._pruning)
        await end(*self._attempts)

    async def _take(self) -> None:
        options = self._around.options
        while True:
            await self._room.acquire()
            rung = self._added.rung
            claimed = None
            holder = f"{self._holder}:{uuid.uuid4().hex[:12]}"
            try:
                claimed = await self._claim(holder)
                if (seconds := self._outage.over()) is not None:
                    log.info("jobs_back", seconds=seconds)
            except ArchiveFault as error:
                if self._outage.met():
                    log.warning("jobs_unavailable", error=error.code)
            except Exception as error:  # the worker outlives a bug, the log tells it
                log.exception("jobs_not_taken", error=type(error).__name__)
            if claimed is None:
                self._room.release()
                await self._added.wait(rung, options.poll_seconds)
            else:
                self._begin(claimed, holder)

    async def _claim(self, holder: str) -> ClaimedJob | None:
        """Take a job; when it is cancelled meanwhile, nobody is left holding one."""
        queue, seconds = self._around.queue, self._around.options.lease_seconds
        claiming = asyncio.ensure_future(queue.claim(self._works, holder, seconds))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(HilumError):
                if (claim := await claiming) is not None:
                    await queue.give_back(claim.record.job_id, holder)
            raise

    def _begin(self, claim: ClaimedJob, holder: str) -> None:
        task = asyncio.create_task(self._attempt(claim, holder))
        self._attempts.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: "asyncio.Task[None]") -> None:
        self._attempts.discard(task)
        self._room.release()

    async def _attempt(self, claim: ClaimedJob, holder: str) -> None:
        record, meter = claim.record, self._around.meter
        CORRELATION_ID.set(record.correlation_id)
        meter.began(record.kind)
        try:
            await Attempt(claim, holder, self._works[record.kind], self._around).run()
        except Exception as error:  # a bug of ours: the lease runs out, and it is tried again
            log.exception("job_attempt_broke", job_id=record.job_id, error=type(error).__name__)
        finally:
            meter.left(record.kind)

    async def _prune(self) -> None:
        options = self._around.options
        while options.history_days:
            try:
                await self._prune_once(timedelta(days=options.history_days))
            except ArchiveFault as error:
                log.warning("jobs_not_forgotten", error=error.code)
            except Exception as error:  # the worker outlives a bug, the log tells it
                log.exception("jobs_not_forgotten", error=type(error).__name__)
            await asyncio.sleep(options.prune_seconds)

    async def _prune_once(self, age: timedelta) -> None:
        before = self._around.clock.now() - age
        pruned = _PRUNED
        while pruned == _PRUNED:  # in transactions of bounded length
            pruned = await self._around.queue.prune(before, _PRUNED)
