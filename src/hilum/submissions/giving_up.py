"""A submission that could not be worked on, attempt after attempt: ended, with nothing lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.domain.submissions import (
    SUBMISSION_SETTLED,
    Advance,
    FileNote,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.ports.holding import Holding
from hilum.submissions.codes import PROCESSING_FAILED, file_finding
from hilum.submissions.records import HELD, Submissions, freed, pages
from hilum.submissions.setting_aside import SettingAside

_UNDECIDED: Final = frozenset({FileState.RECEIVED, FileState.VALID})


@dataclass(frozen=True, slots=True)
class GivingUp:
    """Puts what was not decided about into quarantine and ends the submission as failed."""

    submissions: Submissions
    holding: Holding
    aside: SettingAside

    async def __call__(self, study_id: StudyId, stage: str, cause: str) -> SubmissionState | None:
        """`cause` is the code of the error. Returns what it came to; None: there was no work."""
        record = await self.submissions.submission(study_id)
        if record is None or record.state in SUBMISSION_SETTLED:
            return None
        async for page in pages(self.submissions, study_id):
            notes = [
                await self._aside(record, note, cause) for note in page if note.state in _UNDECIDED
            ]
            if notes:
                await self.submissions.note_files(study_id, notes)
        await freed(self.submissions, self.holding, study_id)
        found = await self.submissions.submission(study_id)
        counts: Mapping[FileState, int] = {} if found is None else found.counts
        data = {
            "error": cause,
            "stage": stage,
            "file_path": record.data.get("file_path", ""),
            "files": {
                "archived": sum(counts.get(state, 0) for state in HELD),
                "quarantined": counts.get(FileState.QUARANTINED, 0),
            },
        }
        text = f"Given up in the stage {stage}: {cause}."
        return await self.submissions.advance(study_id, Advance(SubmissionState.FAILED, text, data))

    async def _aside(self, record: SubmissionRecord, note: FileNote, cause: str) -> FileNote:
        finding = file_finding(PROCESSING_FAILED, found=cause)
        return await self.aside(record, note, [finding, *note.findings], PROCESSING_FAILED)
