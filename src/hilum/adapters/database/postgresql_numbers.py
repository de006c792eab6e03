"""Numbers that are given out once, on PostgreSQL: sequences, which nobody waits for."""

from collections.abc import Sequence
from typing import Final

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.postgresql_locks import NUMBERS

NAMES: Final = ("version", "study", "series", "instance")
CREATE: Final = tuple(f"CREATE SEQUENCE number_{name}" for name in NAMES)
_GIVEN: Final = "CASE WHEN is_called THEN last_value ELSE last_value - 1 END"
TABLE: Final = " UNION ALL ".join(
    f"SELECT '{name}' AS name, {_GIVEN} AS value FROM number_{name}" for name in NAMES
)
"""A query for what `counter` says on SQLite."""
_LONGEST_RUN: Final = 10_000
_ROOM: Final = 100_000
"""`setval` overtakes whoever draws at the same moment: nobody draws so many meanwhile."""


def draw(connection: Connection, name: str, count: int) -> Sequence[int]:
    """Take `count` numbers, each larger than all that were taken before."""
    rows = connection.execute(
        f"SELECT nextval('number_{name}') FROM generate_series(1, ?)", (count,)
    ).fetchall()
    return [number for (number,) in rows]


def draw_run(connection: Connection, name: str, count: int) -> range:
    """Take consecutive numbers."""
    connection.execute(f"SELECT pg_advisory_xact_lock({NUMBERS}, {NAMES.index(name)})")
    if count > _LONGEST_RUN:
        first = draw(connection, name, 1)[0] + _ROOM
        _set(connection, name, first + count)
        return range(first, first + count)
    while True:
        numbers = draw(connection, name, count)  # one of another's may have come in between
        if numbers[-1] - numbers[0] == count - 1:
            return range(numbers[0], numbers[-1] + 1)


def raise_to(connection: Connection, name: str, value: int) -> None:
    """Give out nothing up to `value` from now on."""
    row = connection.execute(f"SELECT {_GIVEN} FROM number_{name}").fetchone()
    if row[0] < value:
        _set(connection, name, value if not row[0] else value + _ROOM)


def _set(connection: Connection, name: str, value: int) -> None:
    connection.execute(f"SELECT setval('number_{name}', ?)", (value,))
