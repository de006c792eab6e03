"""The memory of jobs: survives crashes, shared by all processes of a database.

Each call is one transaction, durable on return; an outage raises `ArchiveUnavailable`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hilum.domain.jobs import (
    JobError,
    JobId,
    JobKind,
    JobRecord,
    JobState,
    NewJob,
    Progress,
)


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which jobs; None means any."""

    kind: JobKind | None = None
    state: JobState | None = None


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this process works on, and what only its work may know."""

    record: JobRecord
    secrets: Mapping[str, str]
    stalled: int = 1
    """Attempts since it last got anywhere, this one included."""


class Jobs(Protocol):
    """For those who ask for jobs and look at them."""

    async def add(self, new: NewJob) -> JobRecord:
        """Note a job to be done. Raises `JobActive` when `new.exclusive` is taken."""
        ...

    async def get(self, job_id: JobId) -> JobRecord | None: ...

    async def list(self, query: JobQuery, before: int | None, limit: int) -> Sequence[JobRecord]:
        """Newest first, those with a key below `before`.

        Without request, checkpoint and results: each may be as long as a body, and many are listed.
        """
        ...

    async def cancel(self, job_id: JobId) -> JobRecord | None:
        """Ask for its end: it is CANCELED when its work has noticed, or somebody has tidied up.

        One that has ended stays as it is. None when there is none.
        """
        ...


class JobQueue(Protocol):
    """For those who do the work. A claim ends when it is not renewed: then another may go on."""

    async def claim(
        self, kinds: Collection[JobKind], holder: str, seconds: float
    ) -> ClaimedJob | None:
        """Take the oldest job that is due and that nobody works on; it is RUNNING then.

        A job to be cancelled is given out, too: whoever gets it ends it.
        """
        ...

    async def renew(self, job_id: JobId, holder: str, seconds: float) -> bool:
        """Keep a claim; False when it is another's by now, or when the job is to be cancelled."""
        ...

    async def save(self, job_id: JobId, holder: str, progress: Progress) -> bool:
        """Note progress; False, and nothing, under the same conditions as of `renew`."""
        ...

    async def finish(
        self, job_id: JobId, holder: str, state: JobState, progress: Progress, error: str = ""
    ) -> bool:
        """End it, and forget its secrets; False, and nothing, when the claim is another's."""
        ...

    async def postpone(self, job_id: JobId, holder: str, until: datetime, error: str) -> None:
        """Give a claim back after a failure that may pass; nobody takes it before `until`."""
        ...

    async def give_back(self, job_id: JobId, holder: str) -> None:
        """Leave it to another process at once; this attempt counts for nothing."""
        ...

    async def release_all(self) -> None:
        """End every claim. Only for a process that knows that no other one works on jobs."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` jobs that ended before then; how many went."""
        ...


class JobErrors(Protocol):
    """What of jobs was not done, part by part; forgotten with the job. Numbers begin with 1."""

    async def keep(self, job_id: JobId, first: int, errors: Sequence[JobError]) -> None:
        """Note errors under numbers from `first` on; what was there from it on is gone.

        So an attempt that begins anew at a checkpoint notes what it meets instead of the former.
        """
        ...

    async def errors(self, job_id: JobId, after: int, limit: int) -> Sequence[JobError]:
        """Those with numbers above `after`, in their order."""
        ...
