"""SQL as this package writes it, in PostgreSQL's words; each text is translated once.

- A parameter is `$1` instead of `?`.
- `CROSS JOIN ... ON`, which keeps SQLite from changing the order of tables, is `JOIN ... ON`: with
  `join_collapse_limit = 1`, which every connection sets, it says the same to this planner.
- An INSERT of plain values names a table and columns, which is all that COPY needs.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Final

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from hilum.adapters.database.tables import metadata

_PIECES: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\?|\bCROSS JOIN\b")
_PLAIN_INSERT: Final = re.compile(
    r'INSERT INTO "?(?P<table>\w+)"? \((?P<columns>[^()]+)\) VALUES \([?, ]+\)'
)
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_TYPES: Final = {"BIGINT": "int8", "BIGSERIAL": "int8", "INTEGER": "int4", "SMALLINT": "int2",
                 "DOUBLE": "float8"}  # fmt: skip
_KEPT: Final = 2048
"""Texts; those of searches vary with their conditions."""


@lru_cache(maxsize=_KEPT)
def translated(sql: str) -> bytes:
    """The same statement for PostgreSQL."""
    numbers = count(1)

    def piece(match: re.Match[str]) -> str:
        text = match[0]
        if text == "?":
            return f"${next(numbers)}"
        return "JOIN" if text == "CROSS JOIN" else text

    return _PIECES.sub(piece, sql).encode()


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What COPY needs to put in the rows of an INSERT."""

    sql: bytes
    types: tuple[str, ...]
    """One for each column: the binary form takes what a column is, to the byte."""


@lru_cache(maxsize=256)
def copy_plan(sql: str) -> CopyPlan | None:
    """None when the statement does more than insert plain values into a table of ours."""
    match = _PLAIN_INSERT.fullmatch(sql)
    table = None if match is None else metadata.tables.get(match["table"])
    if match is None or table is None:
        return None
    names = [name.strip().strip('"') for name in match["columns"].split(",")]
    if any(name not in table.columns for name in names):
        return None
    columns = ", ".join(f'"{name}"' for name in names)
    text = f'COPY "{table.name}" ({columns}) FROM STDIN (FORMAT binary)'
    return CopyPlan(text.encode(), tuple(_types(table, names)))


def _types(table: Table, names: list[str]) -> Iterator[str]:
    for name in names:
        words = table.columns[name].type.compile(_DIALECT)
        kind = re.split(r"[ (]", words)[0].upper()
        yield _TYPES.get(kind, "bytea" if kind == "BYTEA" else "text")
