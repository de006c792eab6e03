"""The stage `descriptor`: what may be kept of a submission is described and archived.

May be called for one submission any number of times, also after a crash at any point: files stay
in the holding until the end is durable, and the archive knows the bytes that it has.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hilum.domain.errors import ArchiveFault
from hilum.domain.findings import Finding
from hilum.domain.instances import Arrival, Disposition, Outcome, StorePolicy
from hilum.domain.submissions import (
    Advance,
    FileNote,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
)
from hilum.ports.archive_view import ArchiveView, WrittenView
from hilum.ports.holding import Holding
from hilum.submissions.codes import CONFLICT, file_finding
from hilum.submissions.details import Details, in_words
from hilum.submissions.judging import unreadable
from hilum.submissions.options import StageOptions
from hilum.submissions.records import HELD, Submissions, begin, freed, pages
from hilum.submissions.setting_aside import SettingAside

Receive = Callable[[Arrival], Awaitable[Outcome]]

_OPEN: Final = frozenset({SubmissionState.VALIDATED, SubmissionState.PROCESSING})
_MOST_STUDIES: Final = 1000
"""Study Instance UIDs that the event names."""
_WORDS: Final = {
    FileState.ARCHIVED: "archived",
    FileState.ALREADY_HELD: "held before",
    FileState.QUARANTINED: "in quarantine",
    FileState.FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Archiving:
    """The use case; `receive` is the pipeline that every door hands its instances to."""

    submissions: Submissions
    holding: Holding
    receive: Receive
    aside: SettingAside
    options: StageOptions
    view: ArchiveView | None = None

    async def __call__(self, study_id: StudyId) -> SubmissionState | None:
        """Archive every valid file; return where the submission came to; None: there was no work.

        Raises `ArchiveFault` for what may work later: nothing is lost, and another call goes on;
        `AttemptsUsedUp` when none should.
        """
        record = await self.submissions.submission(study_id)
        if record is None or record.state not in _OPEN:
            return None
        await begin(self.submissions, record, SubmissionState.PROCESSING, self.options.attempts)
        work = _Work(self, record)
        await work.all()
        await freed(self.submissions, self.holding, study_id)
        return await self._conclude(record, work)

    async def _conclude(self, record: SubmissionRecord, work: "_Work") -> SubmissionState | None:
        study_id = record.study_id
        view = None if self.view is None else await self.view.write(study_id)
        found = await self.submissions.submission(study_id)
        counts: Mapping[FileState, int] = {} if found is None else found.counts
        if any(counts.get(state) for state in HELD):
            state, data = SubmissionState.ARCHIVED, _archived(counts, work.studies, view)
        else:
            state, data = (
                SubmissionState.VALIDATION_FAILED,
                _nothing_held(record, counts, work.errors),
            )
        return await self.submissions.advance(
            study_id, Advance(state, in_words(counts, _WORDS), data)
        )


class _Work:
    """One pass over the files of a submission."""

    def __init__(self, stage: Archiving, record: SubmissionRecord) -> None:
        self._stage = stage
        self._record = record
        self._policy = _judged_before(record.policy)
        self._slots = asyncio.Semaphore(stage.options.files_at_once)
        self._studies: dict[str, None] = {}
        self._details = Details()

    @property
    def studies(self) -> Sequence[str]:
        """UIDs of the studies that instances were kept of, in the order met."""
        return tuple(self._studies)

    @property
    def errors(self) -> Sequence[str]:
        """What was wrong with files that were not kept, in the words of `validation_details`."""
        return self._details.errors

    async def all(self) -> None:
        submissions, study_id = self._stage.submissions, self._record.study_id
        async for page in pages(submissions, study_id):
            valid = [note for note in page if note.state is FileState.VALID]
            results = await asyncio.gather(
                *(self._archive(note) for note in valid), return_exceptions=True
            )
            notes = [result for result in results if isinstance(result, FileNote)]
            if notes:
                await submissions.note_files(study_id, notes)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            for note in (*page, *notes):
                self._count(note)

    def _count(self, note: FileNote) -> None:
        if note.state in HELD and note.uids is not None and len(self._studies) < _MOST_STUDIES:
            self._studies[note.uids.study] = None
        if note.state is FileState.QUARANTINED:
            self._details.add(note)

    async def _archive(self, note: FileNote) -> FileNote:
        async with self._slots, self._stage.holding.take(note.place) as content:
            arrival = Arrival(content, self._record.origin, self._policy)
            outcome = await self._stage.receive(arrival)
        if outcome.disposition is Disposition.FAILED:
            raise outcome.error or ArchiveFault("The archive could not keep a file.")
        if outcome.held:
            return kept(note, outcome)
        code = CONFLICT if outcome.disposition is Disposition.CONFLICT else ""
        return await self._stage.aside(self._record, note, refusal(outcome, note), code)


def kept(note: FileNote, outcome: Outcome) -> FileNote:
    """What is to be noted of a file that the archive holds now; its findings stay with it."""
    before = outcome.disposition is Disposition.ALREADY_HELD
    return replace(
        note,
        state=FileState.ALREADY_HELD if before else FileState.ARCHIVED,
        place="",
        uids=outcome.uids,
        sop_class_uid=outcome.sop_class_uid,
        version=outcome.version,
        code="",
    )


def refusal(outcome: Outcome, note: FileNote) -> Sequence[Finding]:
    """What there is to say of a file that the archive did not take, the reason first."""
    if outcome.disposition is Disposition.CONFLICT:
        return (file_finding(CONFLICT), *note.findings)
    if outcome.error is not None:
        return (unreadable(outcome.error), *note.findings)
    return tuple(outcome.findings) or tuple(note.findings)


def _judged_before(policy: StorePolicy) -> StorePolicy:
    """The file was examined in depth by the stage before, and lies in quarantine's holding."""
    return replace(policy, depth="", decode=False, quarantine=False)


def _archived(
    counts: Mapping[FileState, int], studies: Sequence[str], view: WrittenView | None
) -> dict[str, object]:
    return {
        "archive_path": "" if view is None else view.folder,
        "metadata_file": "" if view is None else view.metadata_file,
        "studies": list(studies),
        "files": {
            state.value: counts.get(state, 0)
            for state in (
                FileState.ARCHIVED,
                FileState.ALREADY_HELD,
                FileState.QUARANTINED,
                FileState.FAILED,
            )
        },
    }


def _nothing_held(
    record: SubmissionRecord, counts: Mapping[FileState, int], errors: Sequence[str]
) -> dict[str, object]:
    """What was valid by itself could not be taken into this archive."""
    details = record.data.get("validation_details")
    told = dict(details) if isinstance(details, Mapping) else {}
    return {
        "file_path": record.data.get("file_path", ""),
        "validation_details": {**told, "is_valid": False, "errors": list(errors)},
        "files": {
            "valid": 0,
            "quarantined": counts.get(FileState.QUARANTINED, 0),
            "ignored": counts.get(FileState.IGNORED, 0),
        },
    }
