"""Files that come back from quarantine: their submission begins another round."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    StudyId,
    SubmissionState,
)
from hilum.submissions.records import AttemptsUsedUp, Submissions

_TEXTS: Final = {
    FileState.ARCHIVED: "A file from quarantine is archived.",
    FileState.ALREADY_HELD: "A file from quarantine was held before.",
    FileState.DISCARDED: "A file in quarantine is discarded.",
}


@dataclass(frozen=True, slots=True)
class Returning:
    """Notes what became of a file that was in quarantine, and has its submission settle again."""

    submissions: Submissions
    archive: Callable[[StudyId], Awaitable[object]]
    """The stage `descriptor`, which finds nothing to archive and tells how it stands now."""

    async def __call__(self, study_id: StudyId, note: FileNote) -> None:
        """`note` says what became of the file; the same again changes nothing but the history.

        A submission that is still being worked on only has the file noted: it tells of it when it
        settles. One that is unknown by now is none to tell of. Raises `ArchiveFault`; when it was
        raised, or the process died, after the round began, the round is taken up by the stages.
        """
        await self.submissions.note_files(study_id, [note])
        text = _TEXTS.get(note.state, "A file in quarantine was decided about.")
        round_begun = Advance(SubmissionState.PROCESSING, text, new_round=True)
        if await self.submissions.advance(study_id, round_begun) is SubmissionState.PROCESSING:
            with suppress(AttemptsUsedUp):  # the stages, which met it before, give it up
                await self.archive(study_id)
