"""What a kind of job is made of: the work, and what it gets to do it with."""

from collections.abc import Mapping
from typing import Any, Protocol

from hilum.domain.jobs import JobKind, JobRecord, JobState, Progress


class JobInterrupted(Exception):
    """The job was cancelled, or another process works on it by now: leave at once.

    Raised by `RunningJob.save`; a work lets it pass. Never shown to anybody.
    """


class RunningJob(Protocol):
    """A job in the hands of its work."""

    @property
    def record(self) -> JobRecord:
        """As it was when this attempt began; `record.progress` is where the last one ended."""
        ...

    @property
    def secrets(self) -> Mapping[str, str]: ...

    async def save(self, progress: Progress) -> None:
        """Note progress durably, and look whether to go on: call it between pieces of work.

        Raises `JobInterrupted`.
        """
        ...


class Work(Protocol):
    """Does one kind of job. May be begun any number of times for one job, by any process."""

    @property
    def kind(self) -> JobKind: ...

    async def run(self, job: RunningJob) -> Progress:
        """Do it, from `job.record.progress.checkpoint` on; return the final progress.

        A `HilumError` that is an `ArchiveFault` or `EngineUnavailable` may pass: the job is tried
        again later. Any other error ends the job as FAILED; its text is told to whoever asked.
        """
        ...

    async def ended(self, record: JobRecord, state: JobState) -> None:
        """The job ended without its work's doing, CANCELED or FAILED: tidy up. May be repeated."""
        ...


def number_of(checkpoint: Mapping[str, Any], name: str, default: int = 0) -> int:
    """A whole number out of a checkpoint."""
    value = checkpoint.get(name, default)
    return int(value)
