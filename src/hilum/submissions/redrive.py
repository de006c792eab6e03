"""Submissions that nobody works on although there is work: taken up again, and old ones forgotten.

A bus in process forgets with its process, a message may die of an outage, a follower of the feed
may be behind. Publishing once too often is harmless: stages find nothing to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from hilum.domain.errors import ArchiveFault, BusUnavailable
from hilum.domain.submissions import StudyId, SubmissionState, Unfinished
from hilum.foundation.clock import Clock
from hilum.foundation.outage import Outage
from hilum.foundation.tasks import end
from hilum.ports.bus import Bus, Message
from hilum.ports.submission_telemetry import SubmissionMeter
from hilum.submissions.records import Submissions
from hilum.submissions.stages import UPLOADED, VALIDATED

_log = structlog.get_logger("hilum.submissions")

_TOPICS: Final = {
    SubmissionState.UPLOADED: UPLOADED,
    SubmissionState.VALIDATING: UPLOADED,
    SubmissionState.VALIDATED: VALIDATED,
    SubmissionState.PROCESSING: VALIDATED,
}
_PAGE: Final = 100
_PRUNED_AT_ONCE: Final = 500
_MOST_DOUBLINGS: Final = 6
_REMEMBERED: Final = 10_000
"""Submissions of which it is known how often they were taken up."""


@dataclass(frozen=True, slots=True)
class RedriveOptions:
    """When to look, and how long to wait."""

    look: timedelta = timedelta(seconds=15)
    patience: timedelta = timedelta(seconds=60)
    """From one taking up to the next; twice as long each time, up to 64 times."""
    history: timedelta | None = timedelta(days=90)
    """How long settled submissions are remembered; None: for ever."""
    at_once: bool = False
    """At start take up everything that is not settled: whoever worked on it is gone."""


class Redrive:
    """Use with `async with`."""

    def __init__(
        self,
        bus: Bus,
        submissions: Submissions,
        clock: Clock,
        meter: SubmissionMeter,
        options: RedriveOptions,
    ) -> None:
        self._bus = bus
        self._submissions = submissions
        self._clock = clock
        self._meter = meter
        self._options = options
        self._outage = Outage(clock)
        self._times: dict[StudyId, int] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look now and then until left."""
        task = asyncio.create_task(self._run(), name="hilum-redrive")
        try:
            yield
        finally:
            await end(task)

    async def take_up_all(self) -> int:
        """Publish everything that is not settled; how many that were.

        Raises `ArchiveFault`, `BusUnavailable`.
        """
        taken = 0
        for state in _TOPICS:
            before: int | None = None
            while page := await self._submissions.submissions(
                state=state, before=before, limit=_PAGE
            ):
                before = page[-1].key
                for record in page:
                    correlation_id = record.origin.correlation_id
                    await self._publish(Unfinished(record.study_id, state, correlation_id))
                taken += len(page)
        return taken

    async def take_up(self) -> int:
        """Publish what nobody was heard of for too long; how many that were.

        Raises `ArchiveFault`, `BusUnavailable`.
        """
        taken = 0
        while page := await self._submissions.unfinished(self._clock.now(), _PAGE):
            for one in page:
                await self._publish(one)
                await self._submissions.work_until(
                    one.study_id, self._clock.now() + self._pause(one.study_id)
                )
            taken += len(page)
        return taken

    async def prune(self) -> int:
        """Forget what settled long ago; how many. Raises `ArchiveFault`."""
        if self._options.history is None:
            return 0
        before = self._clock.now() - self._options.history
        pruned = 0
        while gone := await self._submissions.prune(before, _PRUNED_AT_ONCE):
            pruned += gone
        return pruned

    async def _run(self) -> None:
        at_once = self._options.at_once
        while True:
            try:
                taken = await self.take_up_all() if at_once else await self.take_up()
                at_once = False
                pruned = await self.prune()
            except (ArchiveFault, BusUnavailable) as error:
                if self._outage.met():
                    _log.warning("submissions_not_taken_up", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a bug must not end the worker
                _log.error("redrive_failed", kind=type(error).__name__)
            else:
                self._tell(taken, pruned)
            await asyncio.sleep(self._options.look.total_seconds())

    def _tell(self, taken: int, pruned: int) -> None:
        if (seconds := self._outage.over()) is not None:
            _log.info("submissions_taken_up_again", seconds=seconds)
        if taken:
            self._meter.redriven(taken)
            _log.info("submissions_redriven", submissions=taken)
        if pruned:
            _log.info("submissions_pruned", submissions=pruned)

    def _pause(self, study_id: StudyId) -> timedelta:
        times = self._times.pop(study_id, 0)
        self._times[study_id] = times + 1
        if len(self._times) > _REMEMBERED:
            del self._times[next(iter(self._times))]
        doublings = min(times, _MOST_DOUBLINGS)
        return self._options.patience * (1 << doublings)

    async def _publish(self, one: Unfinished) -> None:
        topic = _TOPICS[one.state]
        body = {"event": topic, "version": 1, "study_id": one.study_id}
        message = Message(
            "", one.study_id, json.dumps(body).encode(), {"correlation_id": one.correlation_id}
        )
        await self._bus.publish(topic, message)
