"""SQLite: one file in WAL mode, which several processes may open.

- `synchronous=FULL`: a commit that returned survives a power failure (law 1).
- Memory mapping stays off: with it a failing disk kills the process instead of raising.
- Checkpoints come with pauses of the writer, or after `_CHECKPOINT_PAGES` pages without one.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import NullPool

from hilum.adapters.database import counters, sqlite_names
from hilum.adapters.database.connections import Connection, Deadline, Row, Source, Sql
from hilum.adapters.database.sqlite_watch import SqliteWatch
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, HilumError, QueryTooCostly

_CHECKPOINT_PAGES: Final = 8000  # 32 MiB
_WAL_KEPT_BYTES: Final = 64 * 2**20
_WRITER_CACHE_KIB: Final = 64 * 1024
_READER_CACHE_KIB: Final = 16 * 1024
_STATEMENTS_KEPT: Final = 512
_STEPS_BETWEEN_LOOKS: Final = 50_000  # virtual machine steps, some milliseconds
_FILE_MODE: Final = 0o640
_FILES: Final = 4
"""Database, log, index of the log, and the folder while they are made."""
_NO_SPACE_BYTES: Final = 2**20
_LAST_NUMBER: Final = "SELECT seq FROM sqlite_sequence WHERE name = ?"
_DATA_ERRORS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,  # a value of a type that cannot be bound; from 3.12 ProgrammingError
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeError,
)

_UNAVAILABLE: Final = {
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked by another process",
    sqlite3.SQLITE_NOMEM: "the database has run out of memory",
    sqlite3.SQLITE_READONLY: "the database cannot be written to: file, folder or disk is read-only",
    sqlite3.SQLITE_IOERR: "the disk under the database fails",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_PERM: "the database file may not be opened by this user",
    sqlite3.SQLITE_AUTH: "the database file may not be opened by this user",
    sqlite3.SQLITE_PROTOCOL: "the database is locked by another process",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; restore a copy or run `hilum rebuild`",
    sqlite3.SQLITE_NOTADB: "the database file is no SQLite database; run `hilum rebuild`",
    sqlite3.SQLITE_SCHEMA: "the database schema has changed",
}


@dataclass(frozen=True, slots=True)
class SqliteDialect:
    """The database in the file `path`."""

    path: Path
    busy_seconds: float = 5.0
    begin: str = "BEGIN IMMEDIATE"
    begin_reading: str = "BEGIN"
    occupies: bool = False
    numbers: str = "SELECT name, value FROM counter"

    def connect_writer(self) -> sqlite3.Connection:
        return self._connect(_WRITER_CACHE_KIB)

    def connect_reader(self, deadline: Deadline) -> sqlite3.Connection:
        connection = self._connect(_READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = ON")
        connection.set_progress_handler(deadline.passed, _STEPS_BETWEEN_LOOKS)
        return connection

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=self.busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_KEPT,
        )
        try:
            prepare(connection)
            connection.execute(f"PRAGMA cache_size = -{cache_kib}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def translate(self, error: Exception) -> HilumError | None:
        if not isinstance(error, sqlite3.DatabaseError):
            return None
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        primary = code & 0xFF
        if primary == sqlite3.SQLITE_INTERRUPT:
            return QueryTooCostly("The query ran into its time limit; ask for less.")
        if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and self._full()):
            return ArchiveFull("There is no space left for the database.")
        if primary in _UNAVAILABLE:
            why = _UNAVAILABLE[primary]
            if primary == sqlite3.SQLITE_CANTOPEN:
                why += self._why_not_opened()
            return ArchiveUnavailable(f"The archive is not available: {why}.")
        if "no such table" in str(error):
            return ArchiveUnavailable(
                "The archive is not available: the database has no schema; run `hilum migrate`."
            )
        return None

    def _why_not_opened(self) -> str:
        """What SQLite does not tell.

        The file itself is left alone: closing it would end the locks that SQLite has on it.
        """
        try:
            with ExitStack() as stack:
                for _ in range(_FILES):
                    stack.enter_context(Path(os.devnull).open("rb"))
        except OSError as error:
            return f" ({os.strerror(error.errno or 0)}; raise the limit, ulimit -n)"
        if not os.access(self.path.parent, os.W_OK | os.X_OK):
            return " (its folder cannot be written to)"
        if self.path.exists() and not os.access(self.path, os.R_OK | os.W_OK):
            return " (this user may not read and write it)"
        return ""

    def _full(self) -> bool:
        """Whether an I/O error is a lack of space: SQLite says so for some of its files only."""
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < _NO_SPACE_BYTES

    def is_data_error(self, error: Exception) -> bool:
        return isinstance(error, _DATA_ERRORS)

    def is_passing(self, error: Exception) -> bool:  # noqa: ARG002 (one transaction at a time)
        return False

    def watch(self) -> SqliteWatch:
        return SqliteWatch(self.path)

    def is_stale(self, connection: Connection) -> bool:  # noqa: ARG002 (a file stays)
        return False

    def lock_studies(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        """Nothing to do, here and below: `begin` has locked the file against other writers."""

    def await_changes(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        """Nothing to do: nobody else ends a transaction of this process's writer."""

    def lock_all(self, connection: Connection) -> None: ...

    def lock_feed(self, connection: Connection) -> None: ...

    def lock_patients(self, connection: Connection, keys: Sequence[int]) -> None: ...

    def draw(self, connection: Connection, name: str, count: int) -> range:
        return counters.draw(connection, name, count)

    def draw_run(self, connection: Connection, name: str, count: int) -> range:
        return counters.draw(connection, name, count)

    def raise_to(self, connection: Connection, name: str, value: int) -> None:
        counters.raise_to(connection, name, value)

    def expect_walks(self, connection: Connection) -> None:
        """Nothing to do: a walk is what is left when no index is named."""

    def rest(self, connection: Connection) -> None:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def using(self, index: str) -> str:
        return f' INDEXED BY "{index}"'

    def wildcard(self, column: str, pattern: str) -> Sql:
        return f"{column} GLOB ?", (glob_of(pattern),)

    def consecutive(self, column: str, words: Sequence[str]) -> Sql:
        return sqlite_names.consecutive(column, words)

    def with_words(self, column: str, words: Sequence[str]) -> Source:
        return sqlite_names.with_words(column, words)

    def add_names(self, connection: Connection, rows: Sequence[Row]) -> None:
        sqlite_names.add(connection, rows)

    def change_names(self, connection: Connection, rows: Sequence[Row]) -> None:
        sqlite_names.change(connection, rows)

    def remove_names(self, connection: Connection, study_keys: Sequence[int]) -> None:
        sqlite_names.remove(connection, study_keys)

    def rebuild_names(self, connection: Connection) -> int:
        return sqlite_names.rebuild(connection)

    def wrong_names(self, connection: Connection) -> int:
        return sqlite_names.wrong(connection)

    def last_number(self, connection: Connection, table: str) -> int:
        row = connection.execute(_LAST_NUMBER, (table,)).fetchone()
        return 0 if row is None else int(row[0])

    def number_above(self, connection: Connection, table: str, number: int) -> None:
        number = max(number, self.last_number(connection, table))
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))

    def joined(self, column: str) -> str:
        return f"group_concat({column}, char(92))"

    def damage(self, connection: Connection) -> Sequence[str]:
        try:
            found = connection.execute("PRAGMA quick_check(20)").fetchall()
        except sqlite3.DatabaseError as error:
            if isinstance(self.translate(error), ArchiveUnavailable):
                return [str(error)]
            raise
        return [str(line) for (line,) in found if line != "ok"]

    def risks(self, connection: Connection) -> Sequence[str]:  # noqa: ARG002 (we choose them)
        return ()

    def exists(self) -> bool:
        return self.path.exists()

    def is_in_use(self) -> bool:
        return False  # the data folder's lock tells

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def size_bytes(self, connection: Connection) -> int:  # noqa: ARG002 (asks the folder)
        return self.path.stat().st_size

    def core_engine(self) -> Engine:
        with suppress(OSError):  # SQLite says it better, and asks the umask for the mode
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _FILE_MODE))
        engine = create_engine(f"sqlite:///{self.path}", poolclass=NullPool)
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
        return engine

    def prepare_migration(self, connection: CoreConnection) -> None:
        """Nothing to do: the transaction has locked the file."""

    def demand_nobody_else(self, connection: CoreConnection) -> None:
        """Nothing to do: whoever migrates holds the data folder alone."""


def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # so that BEGIN below is the only one and covers DDL
    prepare(connection)


def _on_begin(connection: CoreConnection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def prepare(connection: sqlite3.Connection) -> None:
    """Set what every connection to an archive needs, those of migrations too."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA secure_delete = FAST")
    connection.create_function("name_has_words", 2, sqlite_names.name_has, deterministic=True)


def glob_of(pattern: str) -> str:
    """Write a DICOM wild card pattern as a GLOB pattern; only `[` means more there."""
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    return pattern.replace("[", "[[]")
