"""Dead letters as rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson

from hilum.adapters.database.connections import Connection, Row
from hilum.adapters.database.delivery_tables import dead_letter
from hilum.adapters.database.lanes import Lane
from hilum.adapters.database.statements import CHUNK, chunks, columns_of, insert_into, marks, quoted
from hilum.adapters.database.times import from_microseconds, to_microseconds
from hilum.domain.delivery import DeadLetter, LetterOrigin, LetterState
from hilum.ports.delivery import LetterQuery

_COLUMNS: Final = columns_of(dead_letter, without=["key"])
_HEAD: Final = ("key", *columns_of(dead_letter, without=["key", "body"]))
_FILE: Final = (
    insert_into(dead_letter, _COLUMNS) + " ON CONFLICT (origin, subject, event_id) DO UPDATE SET "
    "attempts = dead_letter.attempts + excluded.attempts, cause = excluded.cause, "
    "message = excluded.message, last_failed = excluded.last_failed, state = excluded.state, "
    "body = excluded.body"
)
_SETTLE: Final = "UPDATE dead_letter SET state = ? WHERE key = ?"
_REOPEN: Final = (
    "UPDATE dead_letter SET state = ?, cause = ?, message = ?, attempts = attempts + 1, "
    "last_failed = ? WHERE key = ?"
)
_COPIED: Final = "UPDATE dead_letter SET copied = ? WHERE key = ?"
_COUNTS: Final = (
    "SELECT origin, subject, state, cause, count(*) FROM dead_letter "
    "GROUP BY origin, subject, state, cause"
)


class SqlDeadLetters:
    """`hilum.ports.delivery.DeadLetters` over the lanes of an index."""

    def __init__(self, reader: Lane, writer: Lane, now: Callable[[], int]) -> None:
        self._read = reader.run
        self._write = writer.run
        self._now = now

    async def list(self, query: LetterQuery, after: int, limit: int) -> Sequence[DeadLetter]:
        where, parameters = _where(query)
        sql = (
            f"SELECT {quoted(_HEAD)} FROM dead_letter WHERE {where} AND key > ? "
            "ORDER BY key LIMIT ?"
        )
        return await self._read(
            lambda connection: [
                _letter((*row, b""))
                for row in connection.execute(sql, (*parameters, after, limit)).fetchall()
            ]
        )

    async def get(self, key: int) -> DeadLetter | None:
        sql = f"SELECT {quoted((*_HEAD, 'body'))} FROM dead_letter WHERE key = ?"

        def work(connection: Connection) -> DeadLetter | None:
            row = connection.execute(sql, (key,)).fetchone()
            return None if row is None else _letter(row)

        return await self._read(work)

    async def decide(
        self, query: LetterQuery, state: LetterState, *, reason: str = "", target: str = ""
    ) -> int:
        where, parameters = _where(query)
        sql = (
            "UPDATE dead_letter SET state = ?, reason = ?, target = ? "
            f"WHERE {where} AND state IN ('open', 'replaying', 'redirecting')"
        )
        row = (state.value, reason, target, *parameters)
        return await self._write(lambda connection: connection.execute(sql, row).rowcount)

    async def settle(
        self, key: int, state: LetterState, cause: str = "", message: str = ""
    ) -> None:
        def work(connection: Connection) -> None:
            if state is LetterState.OPEN:
                connection.execute(_REOPEN, (state.value, cause, message, self._now(), key))
            else:
                connection.execute(_SETTLE, (state.value, key))

        await self._write(work)

    async def copied(self, keys: Sequence[int]) -> None:
        rows = [(self._now(), key) for key in keys]
        await self._write(lambda connection: connection.executemany(_COPIED, rows).rowcount)

    async def counts(self) -> Mapping[tuple[LetterOrigin, str, LetterState, str], int]:
        rows = await self._read(lambda connection: connection.execute(_COUNTS).fetchall())
        return {
            (LetterOrigin(origin), subject, LetterState(state), cause): count
            for origin, subject, state, cause, count in rows
        }


def file_letters(connection: Connection, letters: Sequence[DeadLetter]) -> None:
    """Write letters inside the open transaction."""
    connection.executemany(_FILE, [_row(letter) for letter in letters])


def _where(query: LetterQuery) -> tuple[str, list[Any]]:
    said: list[tuple[str, Any]] = [
        ("origin = ?", None if query.origin is None else query.origin.value),
        ("subject = ?", query.subject),
        ("state = ?", None if query.state is None else query.state.value),
        ("cause = ?", query.cause),
        ("target = ?", query.target),
    ]
    conditions = [sql for sql, value in said if value is not None]
    parameters = [value for _, value in said if value is not None]
    if query.uncopied:
        conditions.append("copied IS NULL")
    if query.keys is not None:
        some = list(query.keys)
        groups = [f"key IN ({marks(len(each))})" for each in chunks(some, CHUNK)] or ["1 = 0"]
        conditions.append(f"({' OR '.join(groups)})")
        parameters.extend(some)
    return " AND ".join(conditions) or "1 = 1", parameters


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    return (
        letter.origin.value, letter.subject, letter.sequence, letter.event_id, letter.event_type,
        letter.event_key, letter.correlation_id, letter.cause, letter.message, letter.attempts,
        to_microseconds(letter.first_failed), to_microseconds(letter.last_failed),
        letter.state.value, letter.target, letter.reason,
        None if letter.copied is None else to_microseconds(letter.copied),
        orjson.dumps(dict(letter.headers)).decode(), letter.body,
    )  # fmt: skip


def _letter(row: Row) -> DeadLetter:
    values = dict(zip((*_HEAD, "body"), row, strict=True))
    values |= {
        "origin": LetterOrigin(values["origin"]),
        "state": LetterState(values["state"]),
        "first_failed": from_microseconds(values["first_failed"]),
        "last_failed": from_microseconds(values["last_failed"]),
        "copied": None if values["copied"] is None else from_microseconds(values["copied"]),
        "headers": orjson.loads(values["headers"]),
        "body": bytes(values["body"]),
    }
    return DeadLetter(**values)
