"""The files of a submission, with their places in quarantine, and those that something is wrong of.

A status is asked for again and again: what it looks at is bounded, however many files there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hilum.desk.submissions.documents import brief_file_document, file_document
from hilum.domain.findings import Severity
from hilum.domain.submissions import FileNote, FileState, StudyId, SubmissionRecord
from hilum.ports.quarantine import QuarantineList, QuarantineQuery
from hilum.ports.submissions import SubmissionList

_PAGE: Final = 500
_LOOKED_AT: Final = 1000
"""Files that a status looks through for findings, beside those in quarantine."""
_SHOWN: Final = 50
"""Files with findings that a status shows; the list of files has them all."""
_QUARANTINED: Final = 20_000
_SEVERITIES: Final = {Severity.ERROR: 0, Severity.WARNING: 1}


class SubmissionFiles:
    """Reads them."""

    def __init__(self, submissions: SubmissionList, quarantine: QuarantineList) -> None:
        self._submissions = submissions
        self._quarantine = quarantine

    async def page(
        self, study_id: StudyId, after: int, limit: int
    ) -> tuple[Sequence[Mapping[str, Any]], int | None]:
        """One page with numbers above `after`, and the number to go on after."""
        notes = await self._submissions.files(study_id, after, limit)
        keys = await self._keys(study_id) if notes else {}
        following = notes[-1].number if len(notes) == limit else None
        return [file_document(note, keys.get(note.number)) for note in notes], following

    async def findings(self, record: SubmissionRecord) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """The worst files with errors or warnings, and whether those are all there are."""
        if _nothing_found_yet(record):
            return [], True
        study_id = record.study_id
        keys = await self._keys(study_id)
        notes, complete = await self._looked_at(study_id)
        last = notes[-1].number if notes else -1
        for number in sorted(keys)[:_SHOWN]:
            if number > last:
                notes += await self._submissions.files(study_id, number - 1, 1)
        found = sorted((note for note in notes if _rank(note) < 2), key=_rank)
        shown = [brief_file_document(note, keys.get(note.number)) for note in found[:_SHOWN]]
        return shown, complete and len(found) <= _SHOWN

    async def _looked_at(self, study_id: StudyId) -> tuple[list[FileNote], bool]:
        notes: list[FileNote] = []
        while len(notes) < _LOOKED_AT:
            after = notes[-1].number if notes else -1
            page = await self._submissions.files(study_id, after, _PAGE)
            notes += page
            if len(page) < _PAGE:
                return notes, True
        return notes, False

    async def _keys(self, study_id: StudyId) -> Mapping[int, int]:
        """Numbers in quarantine by number of the file."""
        keys: dict[int, int] = {}
        before: int | None = None
        while len(keys) < _QUARANTINED:
            query = QuarantineQuery(study_id=study_id)
            page = await self._quarantine.list(query, before, _PAGE)
            for row in page:
                if row.what.number is not None:
                    keys.setdefault(row.what.number, row.key)
            if len(page) < _PAGE:
                break
            before = page[-1].key
        return keys


def _nothing_found_yet(record: SubmissionRecord) -> bool:
    """Before files were judged there is nothing to look for."""
    return set(record.counts) <= {FileState.RECEIVED}


def _rank(note: FileNote) -> int:
    """0 for errors, 1 for warnings, 2 for neither."""
    return min((_SEVERITIES.get(each.severity, 2) for each in note.findings), default=2)
