"""In-memory twins of the submissions' and the quarantine's memory; nothing is durable."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import orjson

from hilum.domain.errors import HilumError
from hilum.domain.findings import gravity, worst
from hilum.domain.identifiers import InstanceUIDs, StudyInstanceUID, Version
from hilum.domain.origins import Door
from hilum.domain.quarantine import (
    NewQuarantined,
    Quarantined,
    QuarantineState,
    QuarantineStep,
)
from hilum.domain.records import FeedEntry
from hilum.domain.submissions import (
    FEED_KIND_OF_STATE,
    HISTORY_KEPT,
    SUBMISSION_SETTLED,
    SUBMISSION_WORKED_ON,
    Advance,
    FileNote,
    FileState,
    NewSubmission,
    StudyId,
    SubmissionRecord,
    SubmissionState,
    SubmissionStep,
    Unfinished,
)
from hilum.foundation.bell import Bell
from hilum.ports.quarantine import QuarantineQuery

_NOTHING = InstanceUIDs(StudyInstanceUID(""), "", "")  # type: ignore[arg-type]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Held:
    record: SubmissionRecord
    due: datetime | None
    files: dict[int, FileNote]


@dataclass
class MemorySubmissions:
    """SubmissionNotes and SubmissionList in dictionaries; `entries` is what joined the feed."""

    now: Callable[[], datetime] = utc_now
    patience_seconds: float = 60.0
    fault: HilumError | None = None
    entries: list[FeedEntry] = field(default_factory=list)
    moved: Bell = field(default_factory=Bell)
    fed: Bell = field(default_factory=Bell)
    quarantine: "MemoryQuarantine | None" = None
    """What keeps submissions from being pruned."""
    _held: dict[StudyId, _Held] = field(default_factory=dict)
    _keys: int = 0

    # SubmissionNotes

    async def receive(self, new: NewSubmission) -> None:
        self._raise_fault()
        if new.study_id in self._held:
            return
        self._keys += 1
        now, state = self.now(), SubmissionState.UPLOADED
        files = {
            each.number: FileNote(
                each.number, FileState.RECEIVED, each.name, each.place, each.size_bytes
            )
            for each in new.files
        }
        record = SubmissionRecord(
            key=self._keys, study_id=new.study_id, state=state, round=1, origin=new.origin,
            policy=new.policy, created=now, changed=now, files=len(files),
            size_bytes=sum(each.size_bytes for each in new.files), counts=_counts(files),
            data=new.data, history=(SubmissionStep(now, 1, state, ""),),
        )  # fmt: skip
        self._held[new.study_id] = _Held(record, now + self._patience, files)
        self._tell(record)
        self.moved.ring()

    async def note_files(self, study_id: StudyId, notes: Sequence[FileNote]) -> None:
        self._raise_fault()
        held = self._held.get(study_id)
        if held is None:
            return
        before = _counts(held.files)
        for note in notes:
            was = held.files.get(note.number)
            if was is None or was.state is note.state or note.state.rank > was.state.rank:
                held.files[note.number] = replace(note, findings=worst(note.findings))
        held.files = dict(sorted(held.files.items()))
        counts, attempts = _counts(held.files), held.record.attempts
        held.record = replace(
            held.record, changed=self.now(), files=len(held.files), counts=counts,
            attempts=attempts if counts == before else min(attempts, 1),
        )  # fmt: skip
        self.moved.ring()

    async def advance(self, study_id: StudyId, change: Advance) -> SubmissionState | None:
        self._raise_fault()
        held = self._held.get(study_id)
        if held is None:
            return None
        record = held.record
        settled = record.state in SUBMISSION_SETTLED
        worked_on = change.to in SUBMISSION_WORKED_ON and not change.new_round
        if not (settled if change.new_round else change.to.rank > record.state.rank):
            if worked_on and change.to is record.state:
                held.record = replace(record, attempts=record.attempts + 1)
            return record.state
        now, number = self.now(), record.round + change.new_round
        step = SubmissionStep(now, number, change.to, change.text)
        told = change.to in FEED_KIND_OF_STATE
        held.record = replace(
            record, state=change.to, round=number, changed=now,
            history=(*record.history, step)[-HISTORY_KEPT:],
            data=change.data if told else record.data, attempts=int(worked_on),
        )  # fmt: skip
        held.due = None if change.to in SUBMISSION_SETTLED else now + self._patience
        if told:
            self._tell(held.record)
        self.moved.ring()
        return change.to

    async def attempt_ended(self, study_id: StudyId) -> None:
        self._raise_fault()
        held = self._held.get(study_id)
        if held is not None:
            held.record = replace(held.record, attempts=0)

    async def work_until(self, study_id: StudyId, until: datetime) -> None:
        self._raise_fault()
        held = self._held.get(study_id)
        if held is not None and held.due is not None:
            held.due = until

    async def prune(self, before: datetime, limit: int) -> int:
        self._raise_fault()
        kept = set() if self.quarantine is None else self.quarantine.undecided()
        gone = [
            study_id
            for study_id, held in self._held.items()
            if held.due is None and held.record.changed < before and study_id not in kept
        ][:limit]
        for study_id in gone:
            del self._held[study_id]
        old = [] if self.quarantine is None else self.quarantine.prune(before, limit - len(gone))
        return len(gone) + len(old)

    # SubmissionList

    async def submission(self, study_id: StudyId) -> SubmissionRecord | None:
        self._raise_fault()
        held = self._held.get(study_id)
        return None if held is None else held.record

    async def files(self, study_id: StudyId, after: int, limit: int) -> Sequence[FileNote]:
        self._raise_fault()
        held = self._held.get(study_id)
        notes = [] if held is None else list(held.files.values())
        return [note for note in notes if note.number > after][:limit]

    async def worst_files(self, study_id: StudyId, limit: int) -> Sequence[FileNote]:
        notes = await self.files(study_id, -1, sys.maxsize)
        grave = [note for note in notes if gravity(note.findings) < 2]
        return sorted(grave, key=lambda note: gravity(note.findings))[:limit]

    async def submissions(
        self, *, state: SubmissionState | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[SubmissionRecord]:
        self._raise_fault()
        found = [
            replace(held.record, history=())
            for held in reversed(self._held.values())
            if state in {None, held.record.state} and (before is None or held.record.key < before)
        ]
        return found[:limit]

    async def unfinished(self, now: datetime, limit: int) -> Sequence[Unfinished]:
        self._raise_fault()
        due = [
            (held.due, held.record)
            for held in self._held.values()
            if held.due is not None and held.due <= now
        ]
        return [
            Unfinished(record.study_id, record.state, record.origin.correlation_id)
            for _, record in sorted(due, key=lambda each: each[0])[:limit]
        ]

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=self.patience_seconds)

    def _tell(self, record: SubmissionRecord) -> None:
        payload = {
            "study_id": record.study_id, "round": record.round,
            "source": record.origin.door.value, "data": dict(record.data),
        }  # fmt: skip
        self.entries.append(
            FeedEntry(
                len(self.entries) + 1, record.changed, record.policy.partition,
                FEED_KIND_OF_STATE[record.state], _NOTHING, Version(0),
                record.origin.correlation_id, orjson.dumps(payload).decode(),
            )
        )  # fmt: skip
        self.fed.ring()

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault


def _counts(files: dict[int, FileNote]) -> dict[FileState, int]:
    states = [note.state for note in files.values()]
    return {state: states.count(state) for state in FileState if state in states}


@dataclass
class _Kept:
    row: Quarantined
    due: datetime | None


@dataclass
class MemoryQuarantine:
    """QuarantineList in a dictionary."""

    now: Callable[[], datetime] = utc_now
    fault: HilumError | None = None
    _kept: dict[int, _Kept] = field(default_factory=dict)
    _last: int = 0

    async def add(self, new: NewQuarantined) -> int:
        self._raise_fault()
        for key, kept in self._kept.items():
            if kept.row.what.place == new.place:
                return key
        self._last += 1
        key, now = self._last, self.now()
        state = QuarantineState.HELD
        what = replace(new, findings=worst(new.findings))
        step = QuarantineStep(now, state, "", "")
        self._kept[key] = _Kept(Quarantined(key, what, state, now, now, (step,)), new.expires)
        return key

    async def get(self, key: int) -> Quarantined | None:
        self._raise_fault()
        kept = self._kept.get(key)
        return None if kept is None else kept.row

    async def at(self, place: str) -> Quarantined | None:
        self._raise_fault()
        rows = [kept.row for kept in self._kept.values() if kept.row.what.place == place]
        return _brief(rows[0]) if rows else None

    async def list(
        self, query: QuarantineQuery, before: int | None, limit: int
    ) -> Sequence[Quarantined]:
        self._raise_fault()
        found = [
            _brief(kept.row)
            for key, kept in reversed(self._kept.items())
            if (before is None or key < before) and _asked(kept.row, query)
        ]
        return found[:limit]

    async def of_files(self, study_id: StudyId, numbers: Sequence[int]) -> Mapping[int, int]:
        self._raise_fault()
        return {
            kept.row.what.number: key
            for key, kept in self._kept.items()
            if kept.row.what.study_id == study_id and kept.row.what.number in numbers
        }

    async def decide(
        self, key: int, state: QuarantineState, by: str, text: str, now: datetime
    ) -> bool:
        self._raise_fault()
        kept = self._kept.get(key)
        if kept is None or kept.row.state is not QuarantineState.HELD:
            return False
        step = QuarantineStep(now, state, by, text)
        kept.row = replace(kept.row, state=state, changed=now, history=(*kept.row.history, step))
        return True

    async def tell(self, key: int, by: str, text: str, now: datetime) -> None:
        self._raise_fault()
        if (kept := self._kept.get(key)) is not None:
            step = QuarantineStep(now, kept.row.state, by, text)
            kept.row = replace(kept.row, history=(*kept.row.history, step))

    async def expired(self, now: datetime, limit: int) -> Sequence[Quarantined]:
        self._raise_fault()
        due = [
            (kept.due, key, kept.row)
            for key, kept in self._kept.items()
            if kept.due is not None and kept.due <= now
        ]
        return [_brief(row) for _, _, row in sorted(due, key=lambda each: each[:2])[:limit]]

    async def forget(self, keys: Sequence[int]) -> None:
        self._raise_fault()
        for key in keys:
            await self.decide(key, QuarantineState.EXPIRED, "", "", self.now())
            if key in self._kept:
                self._kept[key].due = None

    async def totals(self, door: Door | None = None) -> tuple[int, int]:
        self._raise_fault()
        held = [
            kept.row.what.size_bytes
            for kept in self._kept.values()
            if kept.row.state is QuarantineState.HELD and door in {None, kept.row.what.origin.door}
        ]
        return len(held), sum(held)

    def prune(self, before: datetime, limit: int) -> "list[int]":
        """Forget those whose bytes were gone by then."""
        old = [
            key
            for key, kept in self._kept.items()
            if kept.due is None and kept.row.changed < before
        ][:limit]
        for key in old:
            del self._kept[key]
        return old

    def undecided(self) -> set[StudyId]:
        """Submissions with something that is held."""
        return {
            kept.row.what.study_id
            for kept in self._kept.values()
            if kept.row.state is QuarantineState.HELD and kept.row.what.study_id is not None
        }

    def _raise_fault(self) -> None:
        if self.fault is not None:
            raise self.fault


def _brief(row: Quarantined) -> Quarantined:
    return replace(row, what=replace(row.what, findings=()), history=())


def _asked(row: Quarantined, query: QuarantineQuery) -> bool:
    what = row.what
    study = None if what.uids is None else what.uids.study
    return (
        query.state in {None, row.state}
        and query.code in {None, what.code}
        and query.door in {None, what.origin.door}
        and query.study_id in {None, what.study_id}
        and query.study_instance_uid in {None, study}
    )
