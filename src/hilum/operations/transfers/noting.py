"""How far a transfer is: its counts, and the errors it met, as the checkpoint has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.domain.jobs import JobError, Progress
from hilum.operations.work import RunningJob, number_of
from hilum.ports.jobs import JobErrors


@dataclass(slots=True)
class Noted:
    """Errors first, then the checkpoint: an attempt that dies in between replaces its errors."""

    job: RunningJob
    errors: JobErrors
    most_errors: int
    """Errors that are kept; others are only counted."""
    counts: dict[str, int]
    """What is told of it, with the names of the results."""
    first_total: int = 0
    done: int = 0
    kept: int = 0
    met: list[JobError] = field(default_factory=list)

    def __post_init__(self) -> None:
        progress = self.job.record.progress
        self.kept = number_of(progress.checkpoint, "errors")
        self.done, self.first_total = progress.done, progress.total or self.first_total
        for name in self.counts:
            self.counts[name] = number_of(progress.results, name)

    def fail(self, error: JobError) -> None:
        """A part could not be done."""
        if self.kept + len(self.met) < self.most_errors:
            self.met.append(error)

    async def save(
        self, checkpoint: Mapping[str, Any], results: Mapping[str, Any] | None = None
    ) -> None:
        """Note what was met and where to go on. Raises `JobInterrupted`."""
        if self.met:
            await self.errors.keep(self.job.record.job_id, self.kept + 1, self.met)
            self.kept += len(self.met)
            self.met = []
        await self.job.save(self.progress(checkpoint, results))

    def progress(
        self, checkpoint: Mapping[str, Any], results: Mapping[str, Any] | None = None
    ) -> Progress:
        told = {**self.counts, **(results or {})}
        place = {**checkpoint, "errors": self.kept}
        return Progress(place, self.done, self.first_total, told)

    async def page(self, after: int, limit: int) -> Sequence[JobError]:
        """Errors that were noted."""
        number = min(limit, self.kept - after)
        if number <= 0:
            return ()
        return await self.errors.errors(self.job.record.job_id, after, number)
