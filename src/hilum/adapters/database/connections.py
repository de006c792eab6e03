"""What the statements of this package ask of a database, whichever it is."""

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection as CoreConnection
from sqlalchemy import Engine

from hilum.adapters.database.remembering import Watch
from hilum.domain.errors import HilumError

Row = tuple[Any, ...]
Sql = tuple[str, tuple[Any, ...]]
"""A piece of SQL and the parameters of its question marks."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table beside `study` that can be walked in the order of study keys."""

    table: str
    """With its alias, as it stands after FROM."""
    key: str
    """Its column with the key of the study."""
    where: str
    parameters: tuple[Any, ...]

    @property
    def keys(self) -> Sql:
        """A query for the keys alone."""
        return f"SELECT {self.key} FROM {self.table} WHERE {self.where}", self.parameters


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...  # noqa: ANN401 (None, or a row of whatever was asked)
    def fetchall(self) -> list[Any]: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """The part of a DB-API connection that statements are run with; not for two threads at once."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...


@runtime_checkable
class Streaming(Protocol):
    """A connection whose cursors hold whole answers, and that can hand out rows one by one."""

    def stream(self, sql: str, parameters: Sequence[Any], /) -> Generator[Row, None, None]: ...


class Deadline:
    """When the work on a connection has had its time (`time.monotonic`); None is never."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at: float | None = None

    def passed(self) -> bool:
        return self.at is not None and time.monotonic() > self.at


class Dialect(Protocol):
    """One kind of database at one place, and what it says in words of its own."""

    @property
    def begin(self) -> str:
        """Opens a transaction that will write, so that it can be refused at once."""
        ...

    @property
    def begin_reading(self) -> str:
        """Opens a transaction whose questions all see the same state."""
        ...

    @property
    def occupies(self) -> bool:
        """Whether a writing connection keeps out who wants the archive alone, and is kept out."""
        ...

    @property
    def numbers(self) -> str:
        """A query for `name` and `value`: the largest number given out so far, by what is counted.

        A query in parentheses may stand wherever a table may.
        """
        ...

    def connect_writer(self) -> Connection: ...

    def connect_reader(self, deadline: Deadline) -> Connection:
        """A connection that cannot write and whose statements end when `deadline` has passed."""
        ...

    def translate(self, error: Exception) -> HilumError | None:
        """The fact behind a driver's error; None when it says nothing about the archive."""
        ...

    def is_data_error(self, error: Exception) -> bool:
        """Whether a statement failed for the values it was given."""
        ...

    def is_passing(self, error: Exception) -> bool:
        """Whether the same transaction may succeed at once when it is tried again."""
        ...

    def watch(self) -> Watch | None:
        """Who tells that something has changed; None when that takes as long as any question."""
        ...

    def is_stale(self, connection: Connection) -> bool:
        """Whether a connection that lay idle has gone meanwhile, as far as it knows."""
        ...

    def lock_studies(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        """Let nobody else change these studies (partition, UID) until the transaction ends."""
        ...

    def await_changes(self, connection: Connection, studies: Iterable[tuple[int, str]]) -> None:
        """Wait for the transactions that are changing these studies now, however they end."""
        ...

    def lock_all(self, connection: Connection) -> None:
        """Let nobody else change any study until the transaction ends."""
        ...

    def lock_feed(self, connection: Connection) -> None:
        """Let nobody else add to the feed until the transaction ends."""
        ...

    def lock_patients(self, connection: Connection, keys: Sequence[int]) -> None:
        """Let nobody else begin or cease to use these patients until the transaction ends."""
        ...

    def draw(self, connection: Connection, name: str, count: int) -> Sequence[int]:
        """Take `count` numbers, each larger than all that were taken before."""
        ...

    def draw_run(self, connection: Connection, name: str, count: int) -> range:
        """The same, and consecutive."""
        ...

    def raise_to(self, connection: Connection, name: str, value: int) -> None:
        """Give out no number up to `value` from now on."""
        ...

    def expect_walks(self, connection: Connection) -> None:
        """The open transaction is going to look at whole tables."""
        ...

    def rest(self, connection: Connection) -> None:
        """Use a pause: called on the writing connection when it has nothing to do."""
        ...

    def using(self, index: str) -> str:
        """Words after a table's alias that make the planner take this index."""
        ...

    def wildcard(self, column: str, pattern: str) -> Sql:
        """A condition: `*` in `pattern` is any run of characters, `?` any one."""
        ...

    def consecutive(self, column: str, words: Sequence[str]) -> Sql:
        """A condition: consecutive words of the column begin with these, in order."""
        ...

    def with_words(self, column: str, words: Sequence[str]) -> Source:
        """Where the studies are that may satisfy `consecutive`; `column` is without its table."""
        ...

    def add_names(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Index the names of new studies: their keys, then their `NAMED` columns."""
        ...

    def change_names(self, connection: Connection, rows: Sequence[Row]) -> None:
        """The same for studies whose names were indexed before."""
        ...

    def remove_names(self, connection: Connection, study_keys: Sequence[int]) -> None: ...

    def rebuild_names(self, connection: Connection) -> int:
        """Index the names of all studies anew; how many rows were wrong."""
        ...

    def wrong_names(self, connection: Connection) -> int:
        """How many studies' names are indexed wrongly."""
        ...

    def last_number(self, connection: Connection, table: str) -> int:
        """The highest number `table` ever gave to a row by itself; 0 when it gave none."""
        ...

    def number_above(self, connection: Connection, table: str, number: int) -> None:
        """From now on `table` gives its rows numbers above `number`."""
        ...

    def joined(self, column: str) -> str:
        """An aggregate that joins texts, in the order of their rows, by a backslash."""
        ...

    def damage(self, connection: Connection) -> Sequence[str]:
        """What the database finds wrong with its own files."""
        ...

    def risks(self, connection: Connection) -> Sequence[str]:
        """Settings of the database that an archive should not be kept with."""
        ...

    def exists(self) -> bool:
        """False when there is no database to look at."""
        ...

    def is_in_use(self) -> bool:
        """Whether a process is known to the database to have the archive open."""
        ...

    def version(self) -> str:
        """Name and version of the engine."""
        ...

    def size_bytes(self, connection: Connection) -> int:
        """What the archive's tables and indexes take."""
        ...

    def core_engine(self) -> Engine:
        """For migrations: one transaction is one `begin()`."""
        ...

    def prepare_migration(self, connection: CoreConnection) -> None:
        """Wait for others who migrate, and make what the tables will lie in."""
        ...

    def demand_nobody_else(self, connection: CoreConnection) -> None:
        """Keep others out until the transaction ends; `DataFolderInUse` when there are any."""
        ...
