"""How far each source was read, as rows; and who may go on reading."""

from typing import Final

from hilum.adapters.database.arrivals_tables import source_cursor
from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.statements import columns_of, insert_into
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.arrivals import SourceCursor

_SHOWN: Final = "source, sequence, mark, resync_after, resync_force, checked, error"
_ADD: Final = (
    insert_into(source_cursor, columns_of(source_cursor)) + " ON CONFLICT (source) DO NOTHING"
)
_FOLLOW: Final = """
UPDATE source_cursor SET worker = ?, until = ?,
  resync_after = CASE WHEN resync_asked > 0 THEN 0 ELSE resync_after END,
  resync_force = CASE WHEN resync_asked = 2 THEN 1 WHEN resync_asked = 1 AND resync_after IS NULL
    THEN 0 ELSE resync_force END,
  resync_asked = 0
WHERE source = ? AND (worker = ? OR until < ?)"""
_SAVE: Final = """
UPDATE source_cursor SET sequence = ?, mark = ?, resync_after = ?, resync_force = ?, checked = ?,
  error = ?
WHERE source = ? AND worker = ?"""
_ASK: Final = """
UPDATE source_cursor SET resync_asked = CASE WHEN resync_asked > ? THEN resync_asked ELSE ? END
WHERE source = ?"""


def follow_source(
    connection: Connection, source: str, worker: str, until: int, now: int
) -> SourceCursor | None:
    _add(connection, source)
    if connection.execute(_FOLLOW, (worker, until, source, worker, now)).rowcount < 1:
        return None
    sql = f"SELECT {_SHOWN} FROM source_cursor WHERE source = ?"
    return _cursor(connection.execute(sql, (source,)).fetchone())


def save_cursor(connection: Connection, cursor: SourceCursor, worker: str) -> bool:
    checked = None if cursor.checked is None else to_microseconds(cursor.checked)
    values = (
        cursor.sequence, cursor.mark, cursor.resync_after, int(cursor.resync_force), checked,
        cursor.error, cursor.source, worker,
    )  # fmt: skip
    return connection.execute(_SAVE, values).rowcount > 0


def ask_resync(connection: Connection, source: str, *, force: bool) -> None:
    _add(connection, source)
    wish = 2 if force else 1
    connection.execute(_ASK, (wish, wish, source))


def abandon_sources(connection: Connection, worker: str | None) -> None:
    """End the right of `worker`, or of everybody, to follow sources."""
    sql = "UPDATE source_cursor SET until = 0"
    if worker is None:
        connection.execute(sql)
    else:
        connection.execute(f"{sql} WHERE worker = ?", (worker,))


def read_cursors(connection: Connection) -> list[SourceCursor]:
    rows = connection.execute(f"SELECT {_SHOWN} FROM source_cursor ORDER BY source").fetchall()
    return [_cursor(row) for row in rows]


def _add(connection: Connection, source: str) -> None:
    connection.execute(_ADD, (source, -1, "", None, 0, 0, "", 0, None, ""))


def _cursor(row: Row) -> SourceCursor:
    source, sequence, mark, resync_after, resync_force, checked, error = row
    return SourceCursor(
        source,
        sequence,
        mark,
        resync_after,
        bool(resync_force),
        None if checked is None else from_microseconds(checked),
        error,
    )
