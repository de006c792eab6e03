"""Arrivals and source cursors as rows: `hilum.ports.arrivals` over the lanes of an index.

Every change of state is one statement that looks at the state itself, so that of several processes
on one database one wins and the others see it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from hilum.adapters.database.arrivals_reading import find_arrival, find_arrivals, read_counts
from hilum.adapters.database.arrivals_tables import arrival, arrival_step
from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.source_cursors import (
    abandon_sources,
    ask_resync,
    follow_source,
    read_cursors,
    save_cursor,
)
from hilum.adapters.database.statements import columns_of, insert_into, marks
from hilum.adapters.database.times import from_microseconds, now_microseconds, to_microseconds
from hilum.domain.arrivals import (
    ArrivalRecord,
    ArrivalState,
    Claimed,
    Noted,
    Seen,
    Settlement,
    SourceCursor,
    Told,
)
from hilum.domain.identifiers import StudyInstanceUID
from hilum.foundation.bell import Bell

_STEPS_KEPT: Final = 50
_ERROR_CHARACTERS: Final = 2000

_NEW: Final = columns_of(arrival, without=["key"])
_NOTE: Final = (
    insert_into(arrival, _NEW)
    + """
ON CONFLICT (source, source_id) DO UPDATE SET
  again = CASE WHEN arrival.state = 'fetching' AND excluded.due <= excluded.changed
    THEN coalesce(arrival.again, excluded.correlation_id) ELSE arrival.again END,
  correlation_id = CASE WHEN arrival.state IN ('waiting', 'fetching')
    THEN arrival.correlation_id ELSE excluded.correlation_id END,
  attempts = CASE WHEN arrival.state IN ('waiting', 'fetching') THEN arrival.attempts ELSE 0 END,
  force = CASE WHEN excluded.force = 1 THEN excluded.force ELSE arrival.force END,
  reported = CASE WHEN excluded.force = 1 THEN '' ELSE arrival.reported END,
  due = CASE WHEN arrival.state = 'fetching' THEN arrival.due
    WHEN arrival.state = 'waiting' AND arrival.due < excluded.due THEN arrival.due
    ELSE excluded.due END,
  changed = excluded.changed,
  state = CASE WHEN arrival.state = 'fetching' THEN arrival.state ELSE excluded.state END
WHERE NOT (arrival.state IN ('kept', 'partial') AND excluded.force = 0
  AND excluded.updated <> '' AND excluded.updated = arrival.updated)
RETURNING key, state, coalesce(again, correlation_id)"""
)
_STEP: Final = insert_into(arrival_step, columns_of(arrival_step, without=["key"]))
_DUE: Final = "SELECT key FROM arrival WHERE due <= ? AND source IN ({}) ORDER BY due LIMIT ?"
_CLAIM: Final = """
UPDATE arrival SET state = 'fetching', worker = ?, due = ?, attempts = attempts + 1, changed = ?
WHERE key = ? AND due <= ?
RETURNING key, source, source_id, correlation_id, attempts, created, force, updated, parts,
  reported, study_instance_uid"""
_RENEW: Final = "UPDATE arrival SET due = ? WHERE key = ? AND worker = ? AND state = 'fetching'"
_SETTLE: Final = """
UPDATE arrival SET worker = NULL, state = ?, due = ?, attempts = ?, error = ?,
  study_instance_uid = coalesce(?, study_instance_uid), instances = ?, kept = ?, failed = ?,
  updated = ?, parts = ?, reported = ?, changed = ?
WHERE key = ? AND worker = ? AND state = 'fetching' RETURNING again"""
_ABANDON: Final = "UPDATE arrival SET due = ? WHERE state = 'fetching'"
_CALM: Final = "UPDATE arrival SET force = 0 WHERE key = ?"
_AGAIN: Final = """
UPDATE arrival SET state = 'waiting', due = ?, attempts = 0, correlation_id = again, again = NULL,
  reported = CASE WHEN force = 1 THEN '' ELSE reported END
WHERE key = ?"""
_PRUNE: Final = f"""
DELETE FROM arrival_step WHERE arrival_key = ? AND key <= (SELECT key FROM arrival_step
  WHERE arrival_key = ? ORDER BY key DESC LIMIT 1 OFFSET {_STEPS_KEPT})"""


class SqlArrivals:
    """`ArrivalNotes`, `ArrivalWork`, `ArrivalList` and `SourceCursors`."""

    def __init__(self, reader: Lane, writer: Lane) -> None:
        self._read = reader.run
        self._write = writer.run
        self.noted: Final = Bell()
        """Rung when there may be something to fetch."""

    # ArrivalNotes

    async def note(self, seen: Sequence[Seen]) -> Sequence[Noted | None]:
        now = now_microseconds()
        noted = await self._write(lambda connection: [_note(connection, one, now) for one in seen])
        self.noted.ring()
        return noted

    # ArrivalWork

    async def claim(
        self, worker: str, sources: Sequence[str], limit: int, until: datetime
    ) -> Sequence[Claimed]:
        if not sources or limit < 1:
            return []
        now, end = now_microseconds(), to_microseconds(until)
        # Most looks find nothing: they should not cost a transaction that writes.
        due = await self._read(lambda connection: _due(connection, sources, limit, now))
        if not due:
            return []
        return await self._write(lambda connection: _claim(connection, worker, due, end, now))

    async def renew(self, worker: str, keys: Sequence[int], until: datetime) -> Sequence[int]:
        end = to_microseconds(until)
        return await self._write(
            lambda connection: [
                key for key in keys if connection.execute(_RENEW, (end, key, worker)).rowcount > 0
            ]
        )

    async def settle(self, worker: str, key: int, settlement: Settlement) -> bool:
        now = now_microseconds()
        return await self._write(
            lambda connection: _settle(connection, worker, key, settlement, now)
        )

    async def abandon(self, worker: str | None) -> None:
        now = now_microseconds()
        await self._write(lambda connection: _abandon(connection, worker, now))

    # ArrivalList

    async def arrival(self, key: int) -> ArrivalRecord | None:
        return await self._read(lambda connection: find_arrival(connection, key))

    async def arrivals(
        self,
        *,
        state: ArrivalState | None = None,
        source: str | None = None,
        source_id: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[ArrivalRecord]:
        conditions = {"state": state, "source": source, "source_id": source_id}
        return await self._read(
            lambda connection: find_arrivals(connection, conditions, before, limit)
        )

    async def arrival_counts(self) -> Mapping[str, Mapping[ArrivalState, int]]:
        return await self._read(read_counts)

    # SourceCursors

    async def follow(self, source: str, worker: str, until: datetime) -> SourceCursor | None:
        now, end = now_microseconds(), to_microseconds(until)
        return await self._write(
            lambda connection: follow_source(connection, source, worker, end, now)
        )

    async def advance(self, cursor: SourceCursor, worker: str, seen: Sequence[Seen] = ()) -> bool:
        now = now_microseconds()

        def work(connection: Connection) -> bool:
            if not save_cursor(connection, cursor, worker):
                return False
            for one in seen:
                _note(connection, one, now)
            return True

        advanced = await self._write(work)
        if advanced and seen:
            self.noted.ring()
        return advanced

    async def ask_resync(self, source: str, *, force: bool) -> None:
        await self._write(lambda connection: ask_resync(connection, source, force=force))

    async def cursors(self) -> Sequence[SourceCursor]:
        return await self._read(read_cursors)


def _note(connection: Connection, seen: Seen, now: int) -> Noted | None:
    due = now if seen.due is None else max(now, to_microseconds(seen.due))
    values: dict[str, Any] = {
        "source": seen.source, "source_id": seen.source_id,
        "state": ArrivalState.WAITING.value, "correlation_id": seen.correlation_id,
        "force": int(seen.force), "due": due, "attempts": 0, "instances": 0, "kept": 0,
        "failed": 0, "updated": seen.updated, "reported": "", "created": now, "changed": now,
        "error": "", "parts": "{}",
    }  # fmt: skip
    row = connection.execute(_NOTE, tuple(values.get(name) for name in _NEW)).fetchone()
    if row is None:
        return None
    state = ArrivalState(row[1])
    if not (seen.told is Told.BEGUN and state is ArrivalState.FETCHING):
        connection.execute(_STEP, (row[0], now, state.value, seen.told.value))
    return Noted(row[0], state, row[2])


def _due(connection: Connection, sources: Sequence[str], limit: int, now: int) -> list[int]:
    sql = _DUE.format(marks(len(sources)))
    return [key for (key,) in connection.execute(sql, (now, *sources, limit)).fetchall()]


def _claim(
    connection: Connection, worker: str, keys: Sequence[int], end: int, now: int
) -> list[Claimed]:
    claimed = []
    for key in keys:
        row = connection.execute(_CLAIM, (worker, end, now, key, now)).fetchone()
        if row is not None:
            connection.execute(_STEP, (key, now, ArrivalState.FETCHING.value, ""))
            claimed.append(_claimed(row))
    return claimed


def _claimed(row: Row) -> Claimed:
    (
        key, source, source_id, correlation_id, attempts, created, force, updated, parts, reported,
        study,
    ) = row  # fmt: skip
    return Claimed(
        key=key,
        source=source,
        source_id=source_id,
        correlation_id=correlation_id,
        attempts=attempts,
        created=from_microseconds(created),
        force=bool(force),
        updated=updated,
        parts=orjson.loads(parts),
        reported=reported,
        study=None if study is None else StudyInstanceUID(study),
    )


def _abandon(connection: Connection, worker: str | None, now: int) -> None:
    if worker is None:
        connection.execute(_ABANDON, (now,))
    else:
        connection.execute(f"{_ABANDON} AND worker = ?", (now, worker))
    abandon_sources(connection, worker)


def _settle(
    connection: Connection, worker: str, key: int, settlement: Settlement, now: int
) -> bool:
    state = settlement.state
    due = None
    if state is ArrivalState.WAITING:
        due = now if settlement.due is None else to_microseconds(settlement.due)
    error = settlement.error[:_ERROR_CHARACTERS]
    parts = orjson.dumps(dict(settlement.parts)).decode()
    values = (
        state.value, due, settlement.attempts, error, settlement.study, settlement.instances,
        settlement.kept, settlement.failed, settlement.updated, parts, settlement.reported, now,
        key, worker,
    )  # fmt: skip
    row = connection.execute(_SETTLE, values).fetchone()
    if row is None:
        return False
    connection.execute(_STEP, (key, now, state.value, error))
    if row[0] is not None:
        connection.execute(_AGAIN, (now, key))
        connection.execute(_STEP, (key, now, ArrivalState.WAITING.value, "again"))
    elif state is not ArrivalState.WAITING:
        connection.execute(_CALM, (key,))
    connection.execute(_PRUNE, (key, key))
    return True
