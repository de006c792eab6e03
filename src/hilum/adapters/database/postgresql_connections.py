"""Connections to PostgreSQL, as `connections.Connection` wants them.

Every connection is in autocommit mode: `BEGIN` is a statement of ours, and a question alone is a
transaction of its own. Values travel in binary form. Statements that come again are prepared by
psycopg. Numbers are always 64 bits wide, or each width would make a statement of its own.
"""

import math
import select
import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from hilum.adapters.database.connections import Deadline, Row
from hilum.adapters.database.postgresql_texts import CopyPlan, copy_plan, translated
from hilum.domain.errors import ArchiveUnavailable, QueryTooCostly

_COPIED_ROWS: Final = 3
"""From so many rows on COPY is faster than as many inserts."""
_PREPARED: Final = 300
_STREAMED_ROWS: Final = 8
_SLACK: Final = 1.25
"""How much longer than the time left a statement may run, to save asking for another limit."""
_CONNECT_SECONDS: Final = 10
_UNACKNOWLEDGED_MILLISECONDS: Final = 30_000

Raw = psycopg.Connection[Row]


class _Sum(NumericBinaryLoader):
    """Sums of whole numbers are numerics to PostgreSQL."""

    def load(self, data: Buffer) -> int:  # type: ignore[override]
        return int(super().load(data))


def connect(conninfo: str, settings: str) -> Raw:
    """Connect and run `settings`. Raises `psycopg.Error` or `ArchiveUnavailable`."""
    raw: Raw = psycopg.connect(
        conninfo,
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        **defaults(conninfo),
    )
    try:
        _demand_utf8(raw)
        raw.prepared_max = _PREPARED
        raw.adapters.register_dumper(int, Int8BinaryDumper)
        raw.adapters.register_loader("numeric", _Sum)
        raw.execute(settings.encode())
    except BaseException:
        raw.close()
        raise
    return raw


def _demand_utf8(raw: Raw) -> None:
    if raw.info.parameter_status("server_encoding") != "UTF8":
        text = "the database does not hold UTF-8; create it with ENCODING 'UTF8'"
        raise ArchiveUnavailable(f"The archive is not available: {text}.")


def defaults(conninfo: str) -> dict[str, Any]:
    """What a connection wants that its URL does not say: a dead server must be noticed."""
    wanted: dict[str, Any] = {
        "application_name": "hilum",
        "connect_timeout": _CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _UNACKNOWLEDGED_MILLISECONDS,
    }
    said = psycopg.conninfo.conninfo_to_dict(conninfo)
    return {**{key: value for key, value in wanted.items() if key not in said},
            "client_encoding": "UTF8"}  # fmt: skip


class PostgresqlConnection:
    """A connection; its statements end when `deadline` has passed."""

    def __init__(self, raw: Raw, deadline: Deadline | None = None) -> None:
        self.raw = raw
        self._deadline = deadline
        self._limit = math.inf

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor[Row]:
        if self._deadline is not None:
            self._keep_to(self._deadline)
        cursor = self.raw.cursor(binary=True)
        cursor.execute(translated(sql), parameters)
        return cursor

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> psycopg.Cursor[Row]:
        rows = list(parameters)
        cursor = self.raw.cursor(binary=True)
        plan = copy_plan(sql) if len(rows) >= _COPIED_ROWS else None
        if plan is not None:
            _copy(cursor, plan, rows)
        elif len(rows) == 1:
            cursor.execute(translated(sql), rows[0])
        elif rows:
            cursor.executemany(translated(sql), rows)
        return cursor

    def stream(self, sql: str, parameters: Sequence[Any], /) -> Generator[Row, None, None]:
        """Rows as the server sends them: those after the last one taken are never in memory."""
        if self._deadline is not None:
            self._keep_to(self._deadline)
        cursor = self.raw.cursor(binary=True)
        yield from cursor.stream(translated(sql), parameters, size=_STREAMED_ROWS)

    def commit(self) -> None:
        self.raw.commit()

    def rollback(self) -> None:
        self.raw.rollback()

    def close(self) -> None:
        self.raw.close()

    def is_stale(self) -> bool:
        """Whether the server has said goodbye: an idle connection has nothing else to read."""
        if self.raw.closed or self.raw.info.transaction_status is not TransactionStatus.IDLE:
            return True
        poll = select.poll()
        poll.register(self.raw.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _keep_to(self, deadline: Deadline) -> None:
        left = math.inf if deadline.at is None else deadline.at - time.monotonic()
        if left <= 0:
            raise QueryTooCostly("The query ran into its time limit; ask for less.")
        if left <= self._limit <= left * _SLACK or left == self._limit:
            return
        milliseconds = 0 if left == math.inf else math.ceil(left * 1000)
        self.raw.execute(b"SET statement_timeout = %d" % milliseconds)
        self._limit = left if left == math.inf else milliseconds / 1000


def _copy(cursor: psycopg.Cursor[Row], plan: CopyPlan, rows: Sequence[Sequence[Any]]) -> None:
    with cursor.copy(plan.sql) as copy:
        copy.set_types(plan.types)
        for row in rows:
            copy.write_row(row)
