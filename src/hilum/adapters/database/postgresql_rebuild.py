"""A schema that is made anew beside the one in use, and takes its place in one transaction."""

from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg

from hilum.adapters.database.connections import Connection
from hilum.adapters.database.postgresql import PostgresqlDialect
from hilum.adapters.database.postgresql_faults import translate
from hilum.adapters.database.schema import current
from hilum.domain.errors import HilumError
from hilum.domain.occupancy import Hold


class IndexSchema:
    """The schema that `url` names and what is made beside it. As a context, held alone.

    Its methods raise `HilumError`; entering it also `DataFolderInUse`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._dialect = PostgresqlDialect.of(url, hold=Hold.EXCLUSIVE)
        self._name = self._dialect.schema
        self._fresh = f"{self._name}_rebuilding"
        self._former = f"{self._name}_before_rebuild"
        self._held: Connection | None = None

    @property
    def fresh_url(self) -> str:
        parts = urlsplit(self.url)
        query = [each for each in parse_qsl(parts.query) if each[0] != "schema"]
        return parts._replace(query=urlencode([*query, ("schema", self._fresh)])).geturl()

    def __enter__(self) -> Self:
        try:
            self._held = self._dialect.connect_writer()
            # Nothing is heard of this connection until the end, which may be hours away.
            self._held.execute("SET idle_session_timeout = 0")
        except psycopg.Error as error:
            raise translate(error) or error from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._held is not None:
            self._held.close()

    def exists(self) -> bool:
        return current(self.url) is not None

    def clear_fresh(self) -> None:
        """Remove what an interrupted rebuild left."""
        self._run(f'DROP SCHEMA IF EXISTS "{self._fresh}" CASCADE')

    def swap(self) -> str | None:
        """Put the new schema in place; the name of the former one, None when there was none.

        Done by the connection that keeps others out: when it was lost, nothing is changed.
        """
        former = self._run("SELECT 1 FROM pg_namespace WHERE nspname = ?", self._name)
        moved = (
            f'DROP SCHEMA IF EXISTS "{self._former}" CASCADE',
            f'ALTER SCHEMA "{self._name}" RENAME TO "{self._former}"',
        )
        renamed = f'ALTER SCHEMA "{self._fresh}" RENAME TO "{self._name}"'
        self._run("BEGIN")
        for sql in (*(moved if former else ()), renamed, "COMMIT"):
            self._run(sql)
        return f"schema {self._former}" if former else None

    def _run(self, sql: str, *parameters: str) -> bool:
        """Run a statement; whether it found something."""
        if self._held is None:
            message = "the schema is not held"
            raise RuntimeError(message)
        try:
            return self._held.execute(sql, parameters).rowcount > 0
        except psycopg.Error as error:
            fact: HilumError | None = translate(error)
            raise fact or error from error
