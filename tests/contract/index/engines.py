"""The engines that the contract holds for: SQLite in a file; PostgreSQL will join here."""

import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex

ENGINES = ("sqlite",)


@dataclass(frozen=True)
class Engine:
    """A database of its own for one test, and a way to look at it behind the index's back."""

    url: str
    path: Path

    def open(self, **options: Any) -> SqlIndex:
        return SqlIndex(self.url, **options)

    def execute(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement and commit it, foreign keys off."""
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()


def make_engine(kind: str, folder: Path) -> Engine:
    assert kind == "sqlite"
    path = folder / "index.sqlite"
    path.write_bytes(_migrated())
    return Engine(f"sqlite:///{path}", path)


@cache
def _migrated() -> bytes:
    """A database as the migrations leave it, made once and copied for each test."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()
