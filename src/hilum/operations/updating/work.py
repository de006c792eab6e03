"""The work of a bulk update: one study after the other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from hilum.domain.identifiers import StudyInstanceUID
from hilum.domain.jobs import JobKind, JobRecord, JobState, Progress
from hilum.domain.origins import Door, Origin
from hilum.operations.updating.files import Change
from hilum.operations.updating.request import statements_of, studies_of
from hilum.operations.updating.study import StudiesNotUpdated, StudyOutcome, failure_text
from hilum.operations.work import RunningJob


class UpdatesStudies(Protocol):
    """Updates one study; see `hilum.operations.updating.study.UpdateStudy`."""

    async def __call__(self, study: StudyInstanceUID, change: Change) -> StudyOutcome: ...


@dataclass(slots=True)
class _Tally:
    """What was done so far, as the results tell it (Azure DICOM service, section 9)."""

    studyProcessed: int = 0  # noqa: N815 (as they are told)
    studyUpdated: int = 0  # noqa: N815
    studyFailed: int = 0  # noqa: N815
    instanceUpdated: int = 0  # noqa: N815
    errors: list[str] = field(default_factory=list)

    def add(self, study: StudyInstanceUID, outcome: StudyOutcome) -> None:
        self.studyProcessed += 1
        if outcome.failed:
            self.studyFailed += 1
            self.errors.append(failure_text(study, outcome))
        elif outcome.instances:
            self.studyUpdated += 1
            self.instanceUpdated += outcome.instances

    def results(self) -> Mapping[str, Any]:
        told = asdict(self)
        if not self.errors:
            del told["errors"]
        return told


@dataclass(frozen=True, slots=True)
class UpdateWork:
    """See `hilum.operations.work.Work`. Its checkpoint is the tally of what was done."""

    update: UpdatesStudies
    kind: JobKind = JobKind.UPDATE

    async def run(self, job: RunningJob) -> Progress:
        """Update the studies that are left. Raises `StudiesNotUpdated` at the end, for any."""
        record = job.record
        change = Change(
            record.partition,
            statements_of(job.secrets),
            Origin(Door.UPDATE, record.correlation_id, principal=record.principal),
        )
        studies = studies_of(record)
        tally = _Tally(**record.progress.checkpoint)
        progress = _progress(tally, len(studies))
        for study in studies[tally.studyProcessed :]:
            tally.add(study, await self.update(study, change))
            progress = _progress(tally, len(studies))
            await job.save(progress)
        if tally.studyFailed:
            message = f"{tally.studyFailed} of {len(studies)} studies were not updated."
            raise StudiesNotUpdated(message)
        return progress

    async def ended(self, record: JobRecord, state: JobState) -> None:
        """Nothing is left behind: each study was updated as a whole or not at all."""


def _progress(tally: _Tally, studies: int) -> Progress:
    results = tally.results()
    return Progress(results, done=tally.studyProcessed, total=studies, results=results)
