"""What is asked of submissions."""

from typing import Final

import orjson

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.submission_values import findings_of, origin_of, policy_of, uids_of
from hilum.adapters.database.times import from_microseconds
from hilum.domain.identifiers import SOPClassUID, Version
from hilum.domain.submissions import (
    HISTORY_KEPT,
    FileNote,
    FileState,
    StudyId,
    SubmissionRecord,
    SubmissionState,
    SubmissionStep,
    Unfinished,
)

_REMARK: Final = 2
"""See `hilum.domain.findings.gravity`."""
_SHOWN: Final = (
    "SELECT key, study_id, state, round, door, peer, principal, correlation_id, policy, created, "
    "changed, files, size_bytes, counts, data, attempts FROM submission"
)
_STEPS: Final = (
    "SELECT time, round, state, text FROM submission_step WHERE submission_key = ? "
    f"ORDER BY key DESC LIMIT {HISTORY_KEPT}"
)
_FILE: Final = (
    "f.number, f.state, f.name, f.place, f.size_bytes, f.parent, f.study_instance_uid, "
    "f.series_instance_uid, f.sop_instance_uid, f.sop_class_uid, f.version, f.code, f.findings"
)
_FILES: Final = (
    f"SELECT {_FILE} FROM submission s CROSS JOIN submission_file f ON f.submission_key = s.key "
    "WHERE s.study_id = ? AND f.number > ? ORDER BY f.number LIMIT ?"
)
_WORST_FILES: Final = (
    f"SELECT {_FILE} FROM submission s CROSS JOIN submission_file f ON f.submission_key = s.key "
    "WHERE s.study_id = ? AND f.gravity < ? ORDER BY f.gravity, f.number LIMIT ?"
)
_UNFINISHED: Final = (
    "SELECT study_id, state, correlation_id FROM submission WHERE due <= ? ORDER BY due LIMIT ?"
)


def find_submission(connection: Connection, study_id: StudyId) -> SubmissionRecord | None:
    row = connection.execute(f"{_SHOWN} WHERE study_id = ?", (study_id,)).fetchone()
    if row is None:
        return None
    steps = connection.execute(_STEPS, (row[0],)).fetchall()
    return _record(
        row,
        tuple(
            SubmissionStep(from_microseconds(time), number, SubmissionState(state), text)
            for time, number, state, text in reversed(steps)
        ),
    )


def find_files(connection: Connection, study_id: StudyId, after: int, limit: int) -> list[FileNote]:
    rows = connection.execute(_FILES, (study_id, after, limit)).fetchall()
    return [_note(row) for row in rows]


def find_worst_files(connection: Connection, study_id: StudyId, limit: int) -> list[FileNote]:
    rows = connection.execute(_WORST_FILES, (study_id, _REMARK, limit)).fetchall()
    return [_note(row) for row in rows]


def find_submissions(
    connection: Connection, state: SubmissionState | None, before: int | None, limit: int
) -> list[SubmissionRecord]:
    where: list[str] = []
    parameters: list[str | int] = []
    if state is not None:
        where.append("state = ?")
        parameters.append(state.value)
    if before is not None:
        where.append("key < ?")
        parameters.append(before)
    sql = _SHOWN + (f" WHERE {' AND '.join(where)}" if where else "")
    rows = connection.execute(f"{sql} ORDER BY key DESC LIMIT ?", (*parameters, limit)).fetchall()
    return [_record(row) for row in rows]


def find_unfinished(connection: Connection, now: int, limit: int) -> list[Unfinished]:
    rows = connection.execute(_UNFINISHED, (now, limit)).fetchall()
    return [
        Unfinished(StudyId(study_id), SubmissionState(state), correlation_id)
        for study_id, state, correlation_id in rows
    ]


def _record(row: Row, history: tuple[SubmissionStep, ...] = ()) -> SubmissionRecord:
    (
        key, study_id, state, number, door, peer, principal, correlation_id, policy, created,
        changed, files, size_bytes, counts, data, attempts,
    ) = row  # fmt: skip
    return SubmissionRecord(
        key=key,
        study_id=StudyId(study_id),
        state=SubmissionState(state),
        round=number,
        origin=origin_of(door, peer, principal, correlation_id),
        policy=policy_of(policy),
        created=from_microseconds(created),
        changed=from_microseconds(changed),
        files=files,
        size_bytes=size_bytes,
        counts={FileState(name): count for name, count in orjson.loads(counts).items()},
        data=orjson.loads(data),
        attempts=attempts,
        history=history,
    )


def _note(row: Row) -> FileNote:
    (
        number, state, name, place, size_bytes, parent, study, series, sop_instance, sop_class,
        version, code, findings,
    ) = row  # fmt: skip
    return FileNote(
        number=number,
        state=FileState(state),
        name=name,
        place=place,
        size_bytes=size_bytes,
        parent=parent,
        uids=uids_of(study, series, sop_instance),
        sop_class_uid=None if sop_class is None else SOPClassUID(sop_class),
        version=None if version is None else Version(version),
        code=code,
        findings=findings_of(findings),
    )
