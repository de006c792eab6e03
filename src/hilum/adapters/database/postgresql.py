"""PostgreSQL: one schema of one database, which any number of processes may use at once.

- `synchronous_commit` is on: a commit that returned survives a crash of the server (law 1).
- Walks over whole tables and other orders of joins are switched off for questions and commits,
  whose statements are made for an index each: so a plan cannot change with the statistics.
  Checks and repairs, which do look at everything, switch them on (`expect_walks`).
- Readers cannot write, and their statements end with their deadline.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import Engine

from hilum.adapters.database import (
    postgresql_faults,
    postgresql_locks,
    postgresql_names,
    postgresql_numbers,
    postgresql_schema,
)
from hilum.adapters.database.connections import Connection, Deadline, Row, Source, Sql
from hilum.adapters.database.postgresql_connections import PostgresqlConnection, connect
from hilum.adapters.database.postgresql_urls import SCHEMA, conninfo_and_schema
from hilum.domain.errors import ArchiveUnavailable, HilumError
from hilum.domain.occupancy import DataFolderInUse, Hold

_ABANDONED_SECONDS: Final = 60
"""A transaction whose process says nothing for so long is given up: it keeps others waiting."""
_EVERYWHERE: Final = (
    "SET search_path TO \"{schema}\"; SET TimeZone TO 'UTC'; SET jit = off; "
    "SET join_collapse_limit = 1; SET enable_seqscan = off; SET statement_timeout = 0; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
)
_WRITING: Final = _EVERYWHERE + (
    "SET synchronous_commit = on; SET lock_timeout = {lock}; "
    "SET idle_in_transaction_session_timeout = {abandoned}"
)
_READING: Final = _EVERYWHERE + "SET default_transaction_read_only = on"
_DAMAGED_INDEXES: Final = (
    "SELECT format('the index %s is not valid: see REINDEX', c.relname) FROM pg_index x "
    "JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND NOT (x.indisvalid AND x.indisready)"
)
_DAMAGED_PAGES: Final = (
    "SELECT format('%s pages had a wrong checksum, the last at %s', checksum_failures, "
    "checksum_last_failure) FROM pg_stat_database WHERE datname = current_database() "
    "AND checksum_failures > 0"
)
_UNSAFE: Final = (
    "SELECT format('%s is off on the database server: it forgets commits in a power failure', name)"
    " FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'"
)
_SIZE: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND c.relkind = 'r'"
)
_LAST: Final = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {}"
_PATTERN: Final = str.maketrans({"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": r"\\"})


@dataclass(frozen=True, slots=True)
class PostgresqlDialect:
    """The archive in one schema. `conninfo` may hold a password and is shown to nobody."""

    conninfo: str
    schema: str = SCHEMA
    busy_seconds: float = 5.0
    hold: Hold | None = Hold.SHARED
    """How the writing connection occupies the schema for as long as it lasts."""
    begin: str = "BEGIN"
    begin_reading: str = "BEGIN ISOLATION LEVEL REPEATABLE READ"
    numbers: str = postgresql_numbers.TABLE

    @property
    def occupies(self) -> bool:
        return self.hold is not None

    @classmethod
    def of(
        cls, url: str, busy_seconds: float = 5.0, hold: Hold | None = Hold.SHARED
    ) -> "PostgresqlDialect":
        """The archive that `database.url` names. Raises `ArchiveUnavailable` for a wrong one."""
        conninfo, schema = conninfo_and_schema(url)
        return cls(conninfo, schema, busy_seconds, hold)

    def __repr__(self) -> str:
        return f"PostgresqlDialect(schema={self.schema!r})"

    def connect_writer(self) -> PostgresqlConnection:
        settings = _WRITING.format(
            schema=self.schema,
            lock=round(self.busy_seconds * 1000),
            abandoned=_ABANDONED_SECONDS * 1000,
        )
        connection = PostgresqlConnection(connect(self.conninfo, settings))
        try:
            if self.hold is not None:
                self._occupy(connection, self.hold)
        except BaseException:
            connection.close()
            raise
        return connection

    def _occupy(self, connection: Connection, hold: Hold) -> None:
        alone = hold is Hold.EXCLUSIVE
        lock = "pg_try_advisory_lock" if alone else "pg_try_advisory_lock_shared"
        number = postgresql_locks.number_of(self.schema)
        sql = f"SELECT {lock}({postgresql_locks.ARCHIVE}, {number})"
        if connection.execute(sql).fetchone()[0]:
            return
        if alone:
            raise DataFolderInUse(postgresql_schema.IN_THE_WAY)
        raise DataFolderInUse(
            "The database is being rebuilt, repaired or migrated by another process. Wait for it."
        )

    def connect_reader(self, deadline: Deadline) -> PostgresqlConnection:
        settings = _READING.format(schema=self.schema)
        return PostgresqlConnection(connect(self.conninfo, settings), deadline)

    def watch(self) -> None:
        return None  # to ask the server would take as long as the question itself

    def is_stale(self, connection: Connection) -> bool:
        return isinstance(connection, PostgresqlConnection) and connection.is_stale()

    def translate(self, error: Exception) -> HilumError | None:
        fact = postgresql_faults.translate(error)
        if isinstance(fact, ArchiveUnavailable):
            fact.add_note(postgresql_faults.place_of(self.conninfo))
        return fact

    def is_data_error(self, error: Exception) -> bool:
        return postgresql_faults.is_data_error(error)

    def is_passing(self, error: Exception) -> bool:
        return postgresql_faults.is_passing(error)

    def rest(self, connection: Connection) -> None:
        """Nothing to do: the server has workers of its own for that."""

    def expect_walks(self, connection: Connection) -> None:
        connection.execute("SET LOCAL enable_seqscan = on")
        connection.execute("SET LOCAL join_collapse_limit = 8")

    def lock_studies(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        postgresql_locks.lock_studies(connection, self.schema, studies)

    def await_changes(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        postgresql_locks.await_changes(connection, studies)

    def lock_all(self, connection: Connection) -> None:
        postgresql_locks.lock_all(connection, self.schema)

    def lock_feed(self, connection: Connection) -> None:
        postgresql_locks.lock_feed(connection)

    def lock_patients(self, connection: Connection, keys: Sequence[int]) -> None:
        if keys:
            sql = "SELECT key FROM patient WHERE key = ANY(?) ORDER BY key FOR UPDATE"
            connection.execute(sql, (list(keys),))

    def draw(self, connection: Connection, name: str, count: int) -> Sequence[int]:
        return postgresql_numbers.draw(connection, name, count)

    def draw_run(self, connection: Connection, name: str, count: int) -> range:
        return postgresql_numbers.draw_run(connection, name, count)

    def raise_to(self, connection: Connection, name: str, value: int) -> None:
        postgresql_numbers.raise_to(connection, name, value)

    def using(self, index: str) -> str:  # noqa: ARG002 (the planner takes no hints)
        return ""

    def wildcard(self, column: str, pattern: str) -> Sql:
        return f"{column} LIKE ?", (pattern.translate(_PATTERN),)

    def consecutive(self, column: str, words: Sequence[str]) -> Sql:
        return postgresql_names.consecutive(column, words)

    def with_words(self, column: str, words: Sequence[str]) -> Source:
        return postgresql_names.with_words(column, words)

    def add_names(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Nothing to do, here and below: the database keeps the indexes of words itself."""

    def change_names(self, connection: Connection, rows: Sequence[Row]) -> None: ...

    def remove_names(self, connection: Connection, study_keys: Sequence[int]) -> None: ...

    def rebuild_names(self, connection: Connection) -> int:  # noqa: ARG002
        return 0

    def wrong_names(self, connection: Connection) -> int:  # noqa: ARG002
        return 0

    def last_number(self, connection: Connection, table: str) -> int:
        row = connection.execute(_LAST.format(_sequence_of(table))).fetchone()
        return int(row[0])

    def number_above(self, connection: Connection, table: str, number: int) -> None:
        if number > self.last_number(connection, table):
            connection.execute(f"SELECT setval('{_sequence_of(table)}', ?)", (number,))

    def joined(self, column: str) -> str:
        return f"string_agg({column}, chr(92) ORDER BY {column})"

    def damage(self, connection: Connection) -> Sequence[str]:
        found = connection.execute(f"{_DAMAGED_INDEXES} UNION ALL {_DAMAGED_PAGES}").fetchall()
        return [text for (text,) in found]

    def is_in_use(self) -> bool:
        connection = connect(self.conninfo, _READING.format(schema=self.schema))
        try:
            return postgresql_locks.is_held(PostgresqlConnection(connection), self.schema)
        finally:
            connection.close()

    def version(self) -> str:
        connection = connect(self.conninfo, _READING.format(schema=self.schema))
        try:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
        finally:
            connection.close()

    def size_bytes(self, connection: Connection) -> int:
        return int(connection.execute(_SIZE).fetchone()[0])

    def core_engine(self) -> Engine:
        return postgresql_schema.migration_engine(self.conninfo, self.schema)

    def risks(self, connection: Connection) -> Sequence[str]:
        return [text for (text,) in connection.execute(_UNSAFE).fetchall()]

    def exists(self) -> bool:
        return True

    def prepare_migration(self, connection: CoreConnection) -> None:
        postgresql_schema.make_schema(connection, self.schema)

    def demand_nobody_else(self, connection: CoreConnection) -> None:
        postgresql_schema.demand_nobody_else(connection, self.schema)


def _sequence_of(table: str) -> str:
    return "feed_sequence_seq" if table == "feed" else f"{table}_key_seq"
