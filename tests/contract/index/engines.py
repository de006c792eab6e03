"""The engines that the contract holds for: SQLite in a file, PostgreSQL in a database of its own.

A PostgreSQL test gets a database copied from one that was migrated once.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString, cast
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg

from hilum.adapters.database import postgresql
from hilum.adapters.database.connections import Dialect
from hilum.adapters.database.dialects import dialect_for
from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from tests.engines import address

ENGINES = ("sqlite", "postgres")


@dataclass(frozen=True)
class Engine:
    """A database of its own for one test, and a way to look at it behind the index's back."""

    kind: str
    url: str
    path: Path

    @property
    def dialect(self) -> Dialect:
        return dialect_for(self.url)

    def open(self, **options: Any) -> SqlIndex:
        return SqlIndex(self.url, **options)

    def execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement and commit it; on SQLite foreign keys are off."""
        if self.kind == "postgres":
            return _execute(self.url, sql, *parameters)
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()


@contextmanager
def engine_of(kind: str, folder: Path) -> Iterator[Engine]:
    if kind == "sqlite":
        yield make_engine(kind, folder)
        return
    with postgres_database(_template()) as url:
        yield Engine(kind, url, folder)


def make_engine(kind: str, folder: Path) -> Engine:
    """SQLite's engine, which leaves nothing but files."""
    assert kind == "sqlite"
    path = folder / "index.sqlite"
    path.write_bytes(_migrated())
    return Engine(kind, f"sqlite:///{path}", path)


@cache
def _migrated() -> bytes:
    """A database as the migrations leave it, made once and copied for each test."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def server() -> str:
    """URL of the server's own database; `TEST_POSTGRES_URL` names another server."""
    return os.environ.get("TEST_POSTGRES_URL") or address("postgres")


def url_of(name: str) -> str:
    return urlsplit(server())._replace(path=f"/{name}").geturl()


@contextmanager
def postgres_database(template: str = "template1") -> Iterator[str]:
    """A database that is dropped afterwards; its URL."""
    name = f"hilum_{uuid4().hex}"
    _execute(server(), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield url_of(name)
    finally:
        _execute(server(), f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _template() -> str:
    """A migrated database, made once for as long as nothing changes that makes it."""
    made_by = sorted(Path(postgresql.__file__).parent.rglob("*.py"))
    digest = sha256(b"".join(path.read_bytes() for path in made_by)).hexdigest()[:16]
    name, fresh = f"hilum_template_{digest}", f"hilum_{uuid4().hex}"
    if _execute(server(), "SELECT 1 FROM pg_database WHERE datname = %s", name):
        return name
    _execute(server(), f'CREATE DATABASE "{fresh}"')
    migrate(url_of(fresh))
    try:
        _execute(server(), f'ALTER DATABASE "{fresh}" RENAME TO "{name}"')
    except psycopg.errors.DuplicateDatabase:  # another process of tests was quicker
        _execute(server(), f'DROP DATABASE "{fresh}" WITH (FORCE)')
    return name


def _execute(url: str, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path TO hilum")
        cursor = connection.execute(cast(LiteralString, sql), parameters or None)
        return cursor.fetchall() if cursor.description else []
