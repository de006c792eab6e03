"""What is in quarantine as rows: `hilum.ports.quarantine` over the lanes of an index."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import (
    chunks,
    columns_of,
    insert_into,
    marks,
    padded,
    quoted,
)
from hilum.adapters.database.submission_tables import quarantined, quarantined_step
from hilum.adapters.database.submission_values import (
    clean,
    findings_of,
    origin_columns,
    origin_of,
    packed_findings,
    policy_of,
    policy_text,
    uid_columns,
    uids_of,
)
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.identifiers import SOPClassUID
from hilum.domain.origins import Door
from hilum.domain.quarantine import (
    NewQuarantined,
    Quarantined,
    QuarantineState,
    QuarantineStep,
)
from hilum.domain.submissions import StudyId
from hilum.ports.quarantine import QuarantineQuery

_TEXT_CHARACTERS: Final = 2000

_NEW: Final = columns_of(quarantined, without=["key"])
_ADD: Final = insert_into(quarantined, _NEW) + " ON CONFLICT (place) DO NOTHING RETURNING key"
_THERE: Final = "SELECT key FROM quarantined WHERE place = ?"
_STEP: Final = insert_into(quarantined_step, columns_of(quarantined_step, without=["key"]))
_HEAD: Final = (
    "key",
    *columns_of(quarantined, without=["key", "partition_key", "due", "findings"]),
)
_SHOWN: Final = f"SELECT {quoted(_HEAD)} FROM quarantined"
_GET: Final = f"SELECT {quoted((*_HEAD, 'findings'))} FROM quarantined WHERE key = ?"
_AT: Final = f"{_SHOWN} WHERE place = ?"
_STEPS: Final = (
    "SELECT time, state, decided_by, text FROM quarantined_step WHERE quarantined_key = ? "
    "ORDER BY key"
)
_STATE: Final = "SELECT state FROM quarantined WHERE key = ?"
_DECIDE: Final = "UPDATE quarantined SET state = ?, changed = ? WHERE key = ? AND state = 'held'"
_EXPIRED: Final = f"{_SHOWN} WHERE due <= ? ORDER BY due LIMIT ?"
_FORGET: Final = "UPDATE quarantined SET due = NULL WHERE key = ?"
_TOTALS: Final = (
    "SELECT count(*), coalesce(sum(size_bytes), 0) FROM quarantined WHERE state = 'held'"
)
_OF_FILES: Final = (
    "SELECT number, max(key) FROM quarantined WHERE study_id = ? AND number IN ({}) GROUP BY number"
)
_OF_DOOR: Final = f"{_TOTALS} AND door = ?"


class SqlQuarantine:
    """`QuarantineList`."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def add(self, new: NewQuarantined) -> int:
        return await self._write(lambda connection: _add(connection, new, self._now()))

    async def get(self, key: int) -> Quarantined | None:
        return await self._read(lambda connection: _get(connection, key))

    async def at(self, place: str) -> Quarantined | None:
        return await self._read(lambda connection: _at(connection, place))

    async def list(
        self, query: QuarantineQuery, before: int | None, limit: int
    ) -> Sequence[Quarantined]:
        where, parameters = _where(query, before)
        sql = f"{_SHOWN}{where} ORDER BY key DESC LIMIT ?"
        return await self._read(
            lambda connection: [
                _row(row) for row in connection.execute(sql, (*parameters, limit)).fetchall()
            ]
        )

    async def of_files(self, study_id: StudyId, numbers: Sequence[int]) -> Mapping[int, int]:
        def work(connection: Connection) -> dict[int, int]:
            found: dict[int, int] = {}
            for some in chunks(numbers):
                values = padded(some)
                sql = _OF_FILES.format(marks(len(values)))
                found.update(connection.execute(sql, (study_id, *values)).fetchall())
            return found

        return await self._read(work)

    async def decide(
        self, key: int, state: QuarantineState, by: str, text: str, now: datetime
    ) -> bool:
        moment = to_microseconds(now)
        return await self._write(
            lambda connection: _decide(connection, key, state, (by, text), moment)
        )

    async def tell(self, key: int, by: str, text: str, now: datetime) -> None:
        moment = to_microseconds(now)
        await self._write(lambda connection: _tell(connection, key, (by, text), moment))

    async def expired(self, now: datetime, limit: int) -> Sequence[Quarantined]:
        moment = to_microseconds(now)
        return await self._read(
            lambda connection: [
                _row(row) for row in connection.execute(_EXPIRED, (moment, limit)).fetchall()
            ]
        )

    async def forget(self, keys: Sequence[int]) -> None:
        def work(connection: Connection) -> None:
            for key in keys:
                _decide(connection, key, QuarantineState.EXPIRED, ("", ""), self._now())
                connection.execute(_FORGET, (key,))

        if keys:
            await self._write(work)

    async def totals(self, door: Door | None = None) -> tuple[int, int]:
        sql, parameters = (_TOTALS, ()) if door is None else (_OF_DOOR, (door.value,))

        def work(connection: Connection) -> tuple[int, int]:
            number, size_bytes = connection.execute(sql, parameters).fetchone()
            return int(number), int(size_bytes)

        return await self._read(work)


def _add(connection: Connection, new: NewQuarantined, now: int) -> int:
    door, peer, principal, correlation_id = origin_columns(new.origin)
    study, series, sop_instance = uid_columns(new.uids)
    state, expires = QuarantineState.HELD.value, to_microseconds(new.expires)
    values: dict[str, Any] = {
        "place": new.place, "state": state, "size_bytes": new.size_bytes,
        "partition_key": new.policy.partition, "door": door, "peer": peer, "principal": principal,
        "correlation_id": correlation_id, "code": clean(new.code), "received": now, "changed": now,
        "expires": expires, "due": expires, "study_id": new.study_id, "number": new.number,
        "study_instance_uid": study, "series_instance_uid": series,
        "sop_instance_uid": sop_instance, "sop_class_uid": new.sop_class_uid,
        "name": clean(new.name), "policy": policy_text(new.policy),
        "findings": packed_findings(new.findings),
    }  # fmt: skip
    row = connection.execute(_ADD, tuple(values[name] for name in _NEW)).fetchone()
    if row is None:
        return int(connection.execute(_THERE, (new.place,)).fetchone()[0])
    connection.execute(_STEP, (row[0], now, state, "", ""))
    return int(row[0])


def _at(connection: Connection, place: str) -> Quarantined | None:
    row = connection.execute(_AT, (place,)).fetchone()
    return None if row is None else _row(row)


def _get(connection: Connection, key: int) -> Quarantined | None:
    row = connection.execute(_GET, (key,)).fetchone()
    if row is None:
        return None
    steps = connection.execute(_STEPS, (key,)).fetchall()
    history = tuple(
        QuarantineStep(from_microseconds(time), QuarantineState(state), by, text)
        for time, state, by, text in steps
    )
    return _row(row[:-1], row[-1], history)


def _decide(
    connection: Connection, key: int, state: QuarantineState, why: tuple[str, str], now: int
) -> bool:
    """`why` is who decided, and in which words."""
    if connection.execute(_DECIDE, (state.value, now, key)).rowcount == 0:
        return False
    _tell(connection, key, why, now)
    return True


def _tell(connection: Connection, key: int, why: tuple[str, str], now: int) -> None:
    by, text = (clean(each)[:_TEXT_CHARACTERS] for each in why)
    found = connection.execute(_STATE, (key,)).fetchone()
    if found is not None:
        connection.execute(_STEP, (key, now, found[0], by, text))


def _where(query: QuarantineQuery, before: int | None) -> tuple[str, list[str | int]]:
    asked: dict[str, str | int | None] = {
        "state = ?": query.state,
        "code = ?": query.code,
        "door = ?": query.door,
        "study_id = ?": query.study_id,
        "study_instance_uid = ?": query.study_instance_uid,
        "key < ?": before,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    return where, [str(value) if isinstance(value, str) else value for value in given.values()]


def _row(row: Row, findings: bytes = b"", history: tuple[QuarantineStep, ...] = ()) -> Quarantined:
    values = dict(zip(_HEAD, row, strict=True))
    study_id, sop_class = values["study_id"], values["sop_class_uid"]
    what = NewQuarantined(
        place=values["place"],
        size_bytes=values["size_bytes"],
        origin=origin_of(
            values["door"], values["peer"], values["principal"], values["correlation_id"]
        ),
        policy=policy_of(values["policy"]),
        code=values["code"],
        findings=findings_of(findings),
        expires=from_microseconds(values["expires"]),
        uids=uids_of(
            values["study_instance_uid"], values["series_instance_uid"], values["sop_instance_uid"]
        ),
        sop_class_uid=None if sop_class is None else SOPClassUID(sop_class),
        study_id=None if study_id is None else StudyId(study_id),
        number=values["number"],
        name=values["name"],
    )
    return Quarantined(
        key=values["key"],
        what=what,
        state=QuarantineState(values["state"]),
        received=from_microseconds(values["received"]),
        changed=from_microseconds(values["changed"]),
        history=history,
    )
