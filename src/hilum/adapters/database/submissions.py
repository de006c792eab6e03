"""Submissions as rows: `hilum.ports.submissions` over the lanes of an index.

A change of state is one statement that looks at the state itself, so that of two processes on one
database one wins and the other sees it. The entry of the feed comes last in a transaction: whoever
adds one keeps the others of its kind waiting until it has ended, and must not wait for them.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.delivery_announcing import tell
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import chunks, columns_of, insert_into, marks, padded
from hilum.adapters.database.submission_tables import submission, submission_file, submission_step
from hilum.adapters.database.submission_values import (
    clean,
    json_text,
    origin_columns,
    packed_findings,
    policy_text,
    uid_columns,
)
from hilum.adapters.database.submissions_pruning import is_old, prune_old
from hilum.adapters.database.submissions_reading import (
    find_files,
    find_submission,
    find_submissions,
    find_unfinished,
    find_worst_files,
)
from hilum.adapters.database.times import to_microseconds
from hilum.domain.findings import NO_GRAVITY, gravity
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
    Unfinished,
)
from hilum.foundation.bell import Bell

_SECOND: Final = 1_000_000
_SETTLED: Final = SubmissionState.ARCHIVED.rank
_TEXT_CHARACTERS: Final = 2000

_NEW: Final = columns_of(submission, without=["key"])
_RECEIVE: Final = insert_into(submission, _NEW) + " ON CONFLICT (study_id) DO NOTHING RETURNING key"
_NEW_FILE: Final = insert_into(submission_file, columns_of(submission_file))
_NOTED: Final = columns_of(submission_file, without=["sha256"])
_NOTE: Final = (
    f"{insert_into(submission_file, _NOTED)} ON CONFLICT (submission_key, number) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NOTED[2:])
)
_STEP: Final = insert_into(submission_step, columns_of(submission_step, without=["key"]))
_FORWARD: Final = (
    "UPDATE submission SET state = ?, rank = ?, round = round + ?, changed = ?, due = ?, "
    "attempts = ?, data = coalesce(?, data) WHERE study_id = ? AND "
)
_LATER: Final = "rank < ?"
_OVER: Final = "rank = ?"
_ADVANCED: Final = " RETURNING key, round, partition_key, door, correlation_id"
_STATE: Final = "SELECT state FROM submission WHERE study_id = ?"
_TOUCH: Final = "UPDATE submission SET changed = ? WHERE study_id = ? RETURNING key, files, counts"
_FORMER: Final = (
    "SELECT number, state FROM submission_file WHERE submission_key = ? AND number IN ({})"
)
_COUNT: Final = (
    "UPDATE submission SET files = ?, counts = ?, "
    "attempts = CASE WHEN attempts > 1 THEN 1 ELSE attempts END WHERE key = ?"
)
_ATTEMPT: Final = "UPDATE submission SET attempts = attempts + 1 WHERE study_id = ? AND state = ?"
_ENDED: Final = "UPDATE submission SET attempts = 0 WHERE study_id = ? AND attempts > 0"
_WORK: Final = "UPDATE submission SET due = ? WHERE study_id = ? AND due IS NOT NULL"
_FORGET_STEPS: Final = f"""
DELETE FROM submission_step WHERE submission_key = ? AND key <= (SELECT key FROM submission_step
  WHERE submission_key = ? ORDER BY key DESC LIMIT 1 OFFSET {HISTORY_KEPT})"""


class SqlSubmissions:
    """`SubmissionNotes` and `SubmissionList`.

    `fed` is called after each commit that added to the feed. A submission counts as unfinished
    when nobody was heard of for `patience_seconds`.
    """

    def __init__(
        self,
        reader: Lane,
        writer: Lane,
        now: Callable[[], int],
        fed: Callable[[], None],
        patience_seconds: float,
    ) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now
        self._fed = fed
        self._patience = int(patience_seconds * _SECOND)
        self.moved: Final = Bell()
        """Rung when something about a submission has changed."""

    # SubmissionNotes

    async def receive(self, new: NewSubmission) -> None:
        await self._write(lambda connection: _receive(connection, new, self._now(), self._patience))
        self._fed()
        self.moved.ring()

    async def note_files(self, study_id: StudyId, notes: Sequence[FileNote]) -> None:
        if not notes:
            return
        await self._write(lambda connection: _note(connection, study_id, notes, self._now()))
        self.moved.ring()

    async def advance(self, study_id: StudyId, change: Advance) -> SubmissionState | None:
        def work(connection: Connection) -> tuple[bool, SubmissionState | None]:
            return _advance(connection, study_id, change, self._now(), self._patience)

        advanced, state = await self._write(work)
        if advanced:
            self.moved.ring()
            if change.to in FEED_KIND_OF_STATE:
                self._fed()
        return state

    async def attempt_ended(self, study_id: StudyId) -> None:
        await self._write(lambda connection: connection.execute(_ENDED, (study_id,)).close())

    async def work_until(self, study_id: StudyId, until: datetime) -> None:
        row = (to_microseconds(until), study_id)
        await self._write(lambda connection: connection.execute(_WORK, row).close())

    async def prune(self, before: datetime, limit: int) -> int:
        moment = to_microseconds(before)
        # Most looks find nothing: they should not cost a transaction that writes.
        if not await self._read(lambda connection: is_old(connection, moment)):
            return 0
        return await self._write(lambda connection: prune_old(connection, moment, limit))

    # SubmissionList

    async def submission(self, study_id: StudyId) -> SubmissionRecord | None:
        return await self._read(lambda connection: find_submission(connection, study_id))

    async def files(self, study_id: StudyId, after: int, limit: int) -> Sequence[FileNote]:
        return await self._read(lambda connection: find_files(connection, study_id, after, limit))

    async def worst_files(self, study_id: StudyId, limit: int) -> Sequence[FileNote]:
        return await self._read(lambda connection: find_worst_files(connection, study_id, limit))

    async def submissions(
        self, *, state: SubmissionState | None = None, before: int | None = None, limit: int = 100
    ) -> Sequence[SubmissionRecord]:
        return await self._read(
            lambda connection: find_submissions(connection, state, before, limit)
        )

    async def unfinished(self, now: datetime, limit: int) -> Sequence[Unfinished]:
        moment = to_microseconds(now)
        return await self._read(lambda connection: find_unfinished(connection, moment, limit))


def _receive(connection: Connection, new: NewSubmission, now: int, patience: int) -> None:
    state = SubmissionState.UPLOADED
    door, peer, principal, correlation_id = origin_columns(new.origin)
    counts = {FileState.RECEIVED.value: len(new.files)} if new.files else {}
    data = json_text(new.data)
    values: dict[str, Any] = {
        "study_id": new.study_id, "state": state.value, "rank": state.rank, "round": 1,
        "partition_key": new.policy.partition, "door": door, "peer": peer, "principal": principal,
        "correlation_id": correlation_id, "created": now, "changed": now, "due": now + patience,
        "attempts": 0, "files": len(new.files),
        "size_bytes": sum(file.size_bytes for file in new.files),
        "counts": orjson.dumps(counts).decode(), "policy": policy_text(new.policy), "data": data,
    }  # fmt: skip
    row = connection.execute(_RECEIVE, tuple(values[name] for name in _NEW)).fetchone()
    if row is None:
        return
    key = row[0]
    connection.executemany(
        _NEW_FILE,
        [
            (
                key, file.number, None, FileState.RECEIVED.value, file.size_bytes, file.sha256,
                None, None, None, None, None, "", file.place, clean(file.name), b"", NO_GRAVITY,
            )
            for file in new.files
        ],
    )  # fmt: skip
    connection.execute(_STEP, (key, now, 1, state.value, ""))
    about = (1, new.policy.partition, door, correlation_id)
    _tell(connection, now, new.study_id, state, about, data)


def _advance(
    connection: Connection, study_id: StudyId, change: Advance, now: int, patience: int
) -> tuple[bool, SubmissionState | None]:
    """Whether the state changed, and which it is now."""
    to = change.to
    data = json_text(change.data) if to in FEED_KIND_OF_STATE else None
    due = None if to in SUBMISSION_SETTLED else now + patience
    attempts = int(to in SUBMISSION_WORKED_ON and not change.new_round)
    condition, rank = (_OVER, _SETTLED) if change.new_round else (_LATER, to.rank)
    row = connection.execute(
        f"{_FORWARD}{condition}{_ADVANCED}",
        (to.value, to.rank, int(change.new_round), now, due, attempts, data, study_id, rank),
    ).fetchone()
    if row is None:
        if attempts:
            connection.execute(_ATTEMPT, (study_id, to.value))
        found = connection.execute(_STATE, (study_id,)).fetchone()
        return False, None if found is None else SubmissionState(found[0])
    key, number, *_ = row
    text = clean(change.text)[:_TEXT_CHARACTERS]
    connection.execute(_STEP, (key, now, number, to.value, text))
    connection.execute(_FORGET_STEPS, (key, key))
    if data is not None:
        _tell(connection, now, study_id, to, row[1:], data)
    return True, to


def _tell(
    connection: Connection,
    now: int,
    study_id: StudyId,
    state: SubmissionState,
    about: tuple[int, int, str, str],
    data: str,
) -> None:
    """Add the entry of the feed; `about` is round, partition, door and correlation id."""
    number, partition, door, correlation_id = about
    payload = {
        "study_id": study_id,
        "round": number,
        "source": door,
        "data": orjson.Fragment(data),
    }
    kind = FEED_KIND_OF_STATE[state]
    tell(connection, now, kind, (partition, ""), 0, correlation_id, payload)


def _note(connection: Connection, study_id: StudyId, notes: Sequence[FileNote], now: int) -> None:
    """Write the files and count them anew; the row of the submission is ours meanwhile."""
    row = connection.execute(_TOUCH, (now, study_id)).fetchone()
    if row is None:
        return
    key, files = row[0], row[1]
    counts: dict[str, int] = orjson.loads(row[2])
    last = {note.number: note for note in notes}
    former = _former(connection, key, sorted(last))
    timely = [note for note in last.values() if _is_timely(note, former.get(note.number))]
    if timely:
        connection.executemany(_NOTE, [_file_row(key, note) for note in timely])
    moved = [note for note in timely if former.get(note.number) is not note.state]
    if not moved:
        return
    for note in moved:
        before = former.get(note.number)
        if before is None:
            files += 1
        else:
            counts[before.value] -= 1
        counts[note.state.value] = counts.get(note.state.value, 0) + 1
    held = {name: count for name, count in counts.items() if count}
    connection.execute(_COUNT, (files, orjson.dumps(held).decode(), key))


def _is_timely(note: FileNote, before: FileState | None) -> bool:
    return before in {None, note.state} or note.state.rank > before.rank


def _former(connection: Connection, key: int, numbers: Sequence[int]) -> dict[int, FileState]:
    """States of these files before."""
    found: dict[int, FileState] = {}
    for some in chunks(numbers):
        values = padded(some)
        sql = _FORMER.format(marks(len(values)))
        rows = connection.execute(sql, (key, *values)).fetchall()
        found.update((number, FileState(state)) for number, state in rows)
    return found


def _file_row(key: int, note: FileNote) -> tuple[Any, ...]:
    return (
        key, note.number, note.parent, note.state.value, note.size_bytes, *uid_columns(note.uids),
        note.sop_class_uid, note.version, clean(note.code), note.place, clean(note.name),
        packed_findings(note.findings), gravity(note.findings),
    )  # fmt: skip
