"""The stage `validator`: every file of a submission is judged.

May be called for one submission any number of times, also after a crash at any point: what was
noted as refused or ignored stays so, all else is judged again with the same end.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hilum.domain.findings import Finding, Severity, worst
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.ingest.policies import NO_RULES, PolicyRules
from hilum.ports.holding import Holding
from hilum.submissions.codes import SOP_INSTANCE_TWICE, file_finding
from hilum.submissions.consistency import Consistency, ProfileOf
from hilum.submissions.details import Details, in_words
from hilum.submissions.judging import Judged, Judging
from hilum.submissions.options import StageOptions
from hilum.submissions.records import Submissions, begin, freed, pages, side_by_side
from hilum.submissions.setting_aside import SettingAside
from hilum.submissions.unpacking import Unpacking

_OPEN: Final = frozenset({SubmissionState.UPLOADED, SubmissionState.VALIDATING})
_TO_JUDGE: Final = frozenset({FileState.RECEIVED, FileState.VALID})
_WORDS: Final = {
    FileState.VALID: "valid",
    FileState.QUARANTINED: "in quarantine",
    FileState.IGNORED: "ignored",
}
_SOP_INSTANCE_UID: Final = 0x00080018
_FINDINGS_AT_ONCE: Final = 100_000
"""Of all files of a study that are noted together, some hundred bytes each."""


@dataclass(frozen=True, slots=True)
class Validating:
    """The use case; engines are behind its parts."""

    submissions: Submissions
    holding: Holding
    judging: Judging
    unpacking: Unpacking
    aside: SettingAside
    options: StageOptions
    profile_of: ProfileOf
    rules: PolicyRules = NO_RULES

    async def __call__(self, study_id: StudyId) -> SubmissionState | None:
        """Judge every file; return where the submission came to; None: there was no work.

        Raises `ArchiveFault` for what may work later: nothing is lost, and another call goes on;
        `AttemptsUsedUp` when none should.
        """
        record = await self.submissions.submission(study_id)
        if record is None or record.state not in _OPEN:
            return None
        await begin(self.submissions, record, SubmissionState.VALIDATING, self.options.attempts)
        work = _Work(self, record)
        await work.all()
        return await self._conclude(record, work.details)

    async def _conclude(self, record: SubmissionRecord, details: Details) -> SubmissionState | None:
        found = await self.submissions.submission(record.study_id)
        counts = {} if found is None else found.counts
        valid = counts.get(FileState.VALID, 0) > 0
        state = SubmissionState.VALIDATED if valid else SubmissionState.VALIDATION_FAILED
        if not valid:
            await freed(self.submissions, self.holding, record.study_id)
        data = {
            "file_path": record.data.get("file_path", ""),
            "validation_details": details.told(is_valid=valid, file_size=record.size_bytes),
            "files": {
                "valid": counts.get(FileState.VALID, 0),
                "quarantined": counts.get(FileState.QUARANTINED, 0),
                "ignored": counts.get(FileState.IGNORED, 0),
            },
        }
        return await self.submissions.advance(
            record.study_id, Advance(state, in_words(counts, _WORDS) or "no files", data)
        )


class _Work:
    """One pass over the files of a submission."""

    def __init__(self, stage: Validating, record: SubmissionRecord) -> None:
        self._stage = stage
        self._record = record
        self._free = record.files
        self._unpacked_bytes: int | None = None
        """Of members of zip files; None before it is asked for."""
        self._slots = asyncio.Semaphore(stage.options.files_at_once)
        self._digests: dict[str, object] = {}
        """What the first file with a SOP Instance UID holds."""
        self._policy = stage.rules(record.policy, record.origin)
        depth = self._policy.depth
        self._consistency = Consistency(stage.profile_of(depth)) if depth else None
        self.details = Details()

    async def all(self) -> None:
        submissions, study_id = self._stage.submissions, self._record.study_id
        async for page in pages(submissions, study_id):
            await self._page(page)
        if self._consistency is not None:
            await self._judge_studies(self._consistency)

    async def _page(self, page: Sequence[FileNote]) -> None:
        """Judge the files of a page at once, then note them in their order."""
        for note in page:
            if note.state not in _TO_JUDGE:
                self.details.add(note)
        waiting = [note for note in page if note.state in _TO_JUDGE]
        notes, zips = [], []
        for judged in await side_by_side(self._judge(note) for note in waiting):
            if judged.note.state is FileState.RECEIVED:
                zips.append(judged.note)
            else:
                notes.append(await self._settled(judged))
        if notes:
            await self._stage.submissions.note_files(self._record.study_id, notes)
        for note in zips:
            if self._unpacked_bytes is None:
                self._unpacked_bytes = await self._unpacked_before()
            unpacked = await self._stage.unpacking(
                self._record, note, self._free, self._unpacked_bytes
            )
            self._free = unpacked.free
            self._unpacked_bytes += unpacked.size_bytes
            self.details.add(unpacked.note)

    async def _unpacked_before(self) -> int:
        """What zip files expanded to in an attempt that broke off: those members come last."""
        submissions, study_id = self._stage.submissions, self._record.study_id
        last = await submissions.files(study_id, self._record.files - 2, 1)
        if not any(note.parent is not None for note in last):
            return 0
        size_bytes = 0
        async for page in pages(submissions, study_id):
            size_bytes += sum(
                note.size_bytes for note in page if note.parent is not None and note.place
            )
        return size_bytes

    async def _judge(self, note: FileNote) -> Judged:
        async with self._slots:
            return await self._stage.judging(note, self._policy)

    async def _settled(self, judged: Judged) -> FileNote:
        """What is to be noted of a file, beside those that came before it."""
        note = judged.note
        if note.state is FileState.VALID:
            note = await self._once(judged)
        elif note.state is FileState.QUARANTINED:
            note = await self._stage.aside(self._record, note, note.findings)
        if note.state is FileState.VALID and self._consistency is not None and judged.facts:
            self._consistency.add(note.number, judged.facts)
        self.details.add(note, judged.modality, judged.study_date)
        return note

    async def _once(self, judged: Judged) -> FileNote:
        """Refuse a file whose SOP Instance UID another one has with other bytes."""
        note = judged.note
        if note.uids is None:
            return note
        known = self._digests.setdefault(note.uids.sop_instance, judged.digest)
        if known == judged.digest:
            return note
        finding = file_finding(SOP_INSTANCE_TWICE, tag=_SOP_INSTANCE_UID)
        findings = [finding, *note.findings]
        return await self._stage.aside(self._record, note, findings, SOP_INSTANCE_TWICE)

    async def _judge_studies(self, consistency: Consistency) -> None:
        """Add what is wrong across files to them; all refused ones are noted at once.

        Else a crash would leave some of them refused, and the others would look consistent.
        """
        found = await asyncio.to_thread(consistency.findings)
        if not found:
            return
        most = max(1, _FINDINGS_AT_ONCE // len(found))
        concerned: list[FileNote] = []
        async for page in pages(self._stage.submissions, self._record.study_id):
            concerned += [
                replace(note, findings=worst(note.findings, most))
                for note in page
                if note.number in found
            ]
        notes = [
            await self._with(note, found[note.number])
            for note in concerned
            if note.state is FileState.VALID
        ]
        await self._stage.submissions.note_files(self._record.study_id, notes)

    async def _with(self, note: FileNote, findings: Sequence[Finding]) -> FileNote:
        every = (*findings, *note.findings)
        if any(finding.severity is Severity.ERROR for finding in findings):
            note = await self._stage.aside(self._record, note, every)
        else:
            note = replace(note, findings=every)
        self.details.add(note)
        return note
