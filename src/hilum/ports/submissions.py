"""The memory of submissions: survives crashes, shared by all processes of a database.

Each call is one transaction, durable on return. All of it raises `ArchiveUnavailable` when the
database cannot be used; nothing is half noted then.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hilum.domain.submissions import (
    Advance,
    FileNote,
    NewSubmission,
    StudyId,
    SubmissionRecord,
    SubmissionState,
    Unfinished,
)


class SubmissionNotes(Protocol):
    """Where doors and stages write."""

    async def receive(self, new: NewSubmission) -> None:
        """Add a submission with its files; its first event joins the feed.

        One that is there already stays as it is.
        """
        ...

    async def note_files(self, study_id: StudyId, notes: Sequence[FileNote]) -> None:
        """Remember what is known of these files; the same again changes nothing.

        A note of another state that is of no higher rank comes late, from somebody who was held
        up: it changes nothing. Of their findings the worst are kept
        (`hilum.domain.findings.worst`). Files of an unknown submission are forgotten.
        """
        ...

    async def advance(self, study_id: StudyId, change: Advance) -> SubmissionState | None:
        """Change the state, and tell of it in the feed when the state has an event.

        Returns the state afterwards; None when there is no such submission. A state that is not
        later than the present one changes nothing (`Advance.new_round` apart); one in which a
        stage works (`SUBMISSION_WORKED_ON`) counts as another attempt when it is the present one.
        """
        ...

    async def attempt_ended(self, study_id: StudyId) -> None:
        """A stage gave up its attempt in order: `SubmissionRecord.attempts` begin anew."""
        ...

    async def work_until(self, study_id: StudyId, until: datetime) -> None:
        """Somebody works on it: `unfinished` does not name it before `until`."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` submissions that settled before then; how many went, 0 at the end.

        Those with something in quarantine that nobody decided about stay. What they brought stays
        in the archive. What was in quarantine until then is forgotten, too, and counted.
        """
        ...


class SubmissionList(Protocol):
    """What callers, operators and stages ask."""

    async def submission(self, study_id: StudyId) -> SubmissionRecord | None:
        """One submission with its history."""
        ...

    async def files(self, study_id: StudyId, after: int, limit: int) -> Sequence[FileNote]:
        """One page of its files in the order of their numbers, those above `after`."""
        ...

    async def worst_files(self, study_id: StudyId, limit: int) -> Sequence[FileNote]:
        """Its files with errors, then those with warnings; each in the order of their numbers."""
        ...

    async def submissions(
        self, *, state: SubmissionState | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[SubmissionRecord]:
        """Submissions, newest first, with keys below `before`; without their histories."""
        ...

    async def unfinished(self, now: datetime, limit: int) -> Sequence[Unfinished]:
        """Submissions with work left that nobody was heard of for too long, longest first.

        Every change of state counts as being heard of.
        """
        ...
