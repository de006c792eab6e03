"""Looking at operations, and asking for their end."""

from collections.abc import Sequence
from dataclasses import dataclass

from hilum.domain.jobs import JobError, JobId, JobNotFound, JobRecord
from hilum.ports.jobs import JobErrors, JobQuery, Jobs


@dataclass(frozen=True, slots=True)
class Operations:
    """What operators and clients may do with jobs, through whichever door."""

    jobs: Jobs
    problems: JobErrors

    async def show(self, job_id: JobId) -> JobRecord:
        """Raises `JobNotFound`."""
        return _found(await self.jobs.get(job_id))

    async def page(self, query: JobQuery, before: int | None, limit: int) -> Sequence[JobRecord]:
        """Newest first, those with a key below `before`; without request, checkpoint, results."""
        return await self.jobs.list(query, before, limit)

    async def errors(self, job_id: JobId, after: int, limit: int) -> Sequence[JobError]:
        """What of it was not done, from behind number `after` on. Raises `JobNotFound`."""
        await self.show(job_id)
        return await self.problems.errors(job_id, after, limit)

    async def cancel(self, job_id: JobId) -> JobRecord:
        """Ask for its end; one that has ended stays as it is. Raises `JobNotFound`."""
        return _found(await self.jobs.cancel(job_id))


def _found(record: JobRecord | None) -> JobRecord:
    if record is None:
        raise JobNotFound("No operation has this id; old ones are forgotten.")
    return record
