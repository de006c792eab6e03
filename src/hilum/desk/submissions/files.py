"""The files of a submission, with their places in quarantine, and those that something is wrong of.

A status is asked for again and again: what it looks at is bounded, however many files there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hilum.desk.submissions.documents import brief_file_document, file_document
from hilum.domain.submissions import FileNote, FileState, StudyId, SubmissionRecord
from hilum.ports.quarantine import QuarantineList
from hilum.ports.submissions import SubmissionList

_READ_AT_ONCE: Final = 50
_PAGE_FINDINGS: Final = 5000
"""Findings after which a page of files ends: some hundred bytes each."""
_SHOWN: Final = 50
"""Files with findings that a status shows; the list of files has them all."""


class SubmissionFiles:
    """Reads them."""

    def __init__(self, submissions: SubmissionList, quarantine: QuarantineList) -> None:
        self._submissions = submissions
        self._quarantine = quarantine

    async def page(
        self, study_id: StudyId, after: int, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        """One page with numbers above `after`, and the number to go on after; None at the end.

        A page with very many findings ends before `limit`.
        """
        documents: list[Mapping[str, Any]] = []
        following: int | None = after
        findings = 0
        while following is not None and len(documents) < limit and findings < _PAGE_FINDINGS:
            asked = min(_READ_AT_ONCE, limit - len(documents))
            notes = await self._submissions.files(study_id, following, asked)
            keys = await self._keys(study_id, notes)
            documents += [file_document(note, keys.get(note.number)) for note in notes]
            findings += sum(len(note.findings) for note in notes)
            following = notes[-1].number if len(notes) == asked else None
        return documents, following

    async def findings(self, record: SubmissionRecord) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """The worst files with errors or warnings, and whether those are all there are."""
        if _nothing_found_yet(record):
            return [], True
        worst = await self._submissions.worst_files(record.study_id, _SHOWN + 1)
        shown = worst[:_SHOWN]
        keys = await self._keys(record.study_id, shown)
        documents = [brief_file_document(note, keys.get(note.number)) for note in shown]
        return documents, len(worst) <= _SHOWN

    async def _keys(self, study_id: StudyId, notes: Sequence[FileNote]) -> Mapping[int, int]:
        """Numbers in quarantine by number of the file."""
        return await self._quarantine.of_files(study_id, [note.number for note in notes])


def _nothing_found_yet(record: SubmissionRecord) -> bool:
    """Before files were judged there is nothing to look for."""
    return set(record.counts) <= {FileState.RECEIVED}
