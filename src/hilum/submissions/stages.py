"""The stages on the bus: what calls them, how often, and what becomes of failures."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from hilum.domain.errors import (
    ArchiveFault,
    ArchiveFull,
    ArchiveUnavailable,
    HilumError,
    PixelEngineBusy,
    QueryTooCostly,
    ShuttingDown,
)
from hilum.domain.submissions import (
    EVENT_OF_STATE,
    SUBMISSION_SETTLED,
    StudyId,
    SubmissionState,
)
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.ports.bus import Bus, Message
from hilum.ports.submission_telemetry import SubmissionMeter
from hilum.submissions.giving_up import GivingUp
from hilum.submissions.options import StageOptions
from hilum.submissions.records import AttemptsUsedUp, Submissions

_log = structlog.get_logger("hilum.submissions")

UPLOADED: Final = EVENT_OF_STATE[SubmissionState.UPLOADED]
VALIDATED: Final = EVENT_OF_STATE[SubmissionState.VALIDATED]
VALIDATOR: Final = "validator"
DESCRIPTOR: Final = "descriptor"

_PASSING: Final = frozenset(
    error.code
    for error in (ArchiveFull, ArchiveUnavailable, ShuttingDown, QueryTooCostly, PixelEngineBusy)
)
"""Causes that are no fault of the submission: it waits until they are over."""
PROCESS_DIED: Final = "process-died"
"""The cause when attempt after attempt ended with its process, as of one without memory left."""
_DEAD_ATTEMPTS: Final = 20
_LONGEST_ID: Final = 64

Work = Callable[[StudyId], Awaitable[SubmissionState | None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it is called by, and what it does."""

    name: str
    """Also the group on the bus, so that each message is for one process."""
    topic: str
    work: Work
    """Returns the state that it brought a submission to; None when there was nothing to do."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Takes messages from the bus to stages, and watches over the work."""

    bus: Bus
    submissions: Submissions
    giving_up: GivingUp
    clock: Clock
    meter: SubmissionMeter
    options: StageOptions

    @asynccontextmanager
    async def running(self, *stages: Stage) -> AsyncIterator[None]:
        """Work until left; leaving finishes what is in hand."""
        async with AsyncExitStack() as stack:
            for stage in stages:
                await stack.enter_async_context(
                    self.bus.subscribe(
                        stage.topic,
                        stage.name,
                        partial(self._handle, stage),
                        concurrency=self.options.studies_at_once,
                        attempts=self.options.attempts,
                    )
                )
                await stack.enter_async_context(
                    self.bus.subscribe(
                        f"{stage.topic}.dead",
                        stage.name,
                        partial(self._bury, stage),
                        attempts=_DEAD_ATTEMPTS,
                    )
                )
            yield

    async def _handle(self, stage: Stage, message: Message) -> None:
        study_id = study_of(message)
        if study_id is None:
            _log.warning("message_ignored", stage=stage.name, reason="it names no submission")
            return
        began = time.perf_counter()
        async with self._watched(study_id):
            try:
                state = await stage.work(study_id)
            except AttemptsUsedUp:
                await self._give_up(stage, study_id, PROCESS_DIED)
                return
            except Exception as error:
                cause = error.code if isinstance(error, HilumError) else type(error).__name__
                self.meter.failed(stage.name, cause)
                with suppress(ArchiveFault):  # the next attempt counts as one of the same
                    await self.submissions.attempt_ended(study_id)
                raise
        seconds = time.perf_counter() - began
        self.meter.worked(stage.name, seconds)
        if state is None:
            _log.debug("message_ignored", stage=stage.name, reason="there is no work left for it")
            return
        await self._tell(study_id, state, seconds)

    @asynccontextmanager
    async def _watched(self, study_id: StudyId) -> AsyncIterator[None]:
        """Let others know that somebody works on it for as long as that takes."""
        renewing = asyncio.create_task(self._renew(study_id))
        try:
            yield
        finally:
            await end(renewing)

    async def _renew(self, study_id: StudyId) -> None:
        patience = self.options.patience
        while True:
            await asyncio.sleep(patience.total_seconds() / 3)
            with suppress(ArchiveFault):  # the work meets it, too
                await self.submissions.work_until(study_id, self.clock.now() + patience)

    async def _tell(self, study_id: StudyId, state: SubmissionState, seconds: float) -> None:
        """Log and count what a stage did; it is done, whether the database can be asked or not."""
        try:
            record = await self.submissions.submission(study_id)
        except ArchiveFault:
            record = None
        counts = {} if record is None else record.counts
        if record is not None and state in SUBMISSION_SETTLED:
            lasted = (self.clock.now() - record.created).total_seconds()
            self.meter.settled(state, lasted if record.round == 1 else None)
            for of_files, count in counts.items():
                if record.round == 1:
                    self.meter.files(of_files, count)
        _log.info(
            f"submission_{state.value}",
            submission=study_id,
            seconds=round(seconds, 3),
            files={of_files.value: count for of_files, count in counts.items()},
        )

    async def _bury(self, stage: Stage, message: Message) -> None:
        """A message used up its attempts: end its submission, unless what ails it may pass."""
        study_id = study_of(message)
        cause = message.headers.get("cause", "unknown")
        if study_id is None:
            return
        if cause in _PASSING:
            _log.warning("submission_waits", submission=study_id, stage=stage.name, cause=cause)
            return
        await self._give_up(stage, study_id, cause)

    async def _give_up(self, stage: Stage, study_id: StudyId, cause: str) -> None:
        state = await self.giving_up(study_id, stage.name, cause)
        if state is SubmissionState.FAILED:
            self.meter.settled(state, None)
            _log.error("submission_failed", submission=study_id, stage=stage.name, cause=cause)


def study_of(message: Message) -> StudyId | None:
    """The submission that a message is about; None when it names none."""
    try:
        body = json.loads(message.body)
    except ValueError:
        return None
    study_id = body.get("study_id") if isinstance(body, dict) else None
    if not isinstance(study_id, str) or not 0 < len(study_id) <= _LONGEST_ID:
        return None
    return StudyId(study_id)
