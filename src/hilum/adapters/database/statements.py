"""SQL text made from the tables once, for connections that want text and tuples.

Parameters are written `?`. Identifiers are quoted: match columns are keywords of PS3.6. All text
here is made of names in `tables`, never of a caller's words, so S608 does not apply.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from sqlalchemy import Table

T = TypeVar("T")


def quoted(names: Iterable[str], alias: str = "") -> str:
    """Join column names by commas: `"a", "b"`, or `x."a", x."b"`."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f'{prefix}"{name}"' for name in names)


def columns_of(table: Table, without: Sequence[str] = ()) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name not in without)


def insert_into(table: Table, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f'INSERT INTO "{table.name}" ({quoted(columns)}) VALUES ({marks})'


def upsert_into(table: Table, columns: Sequence[str], key: str = "key") -> str:
    """Insert, or overwrite the row with the same `key`; the same words in both dialects."""
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name != key)
    return f'{insert_into(table, columns)} ON CONFLICT ("{key}") DO UPDATE SET {changes}'


def update_of(table: Table, columns: Sequence[str], key: str = "key") -> str:
    """Overwrite `columns` of one row. Parameters: their values, then that of `key`."""
    changes = ", ".join(f'"{name}" = ?' for name in columns)
    return f'UPDATE "{table.name}" SET {changes} WHERE "{key}" = ?'


_LENGTHS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

CHUNK: Final = _LENGTHS[-1]
"""The most values of one IN list."""


def padded(values: Sequence[T]) -> Sequence[T]:
    """Repeat the last value up to one of a few lengths, so that few different texts are made."""
    length = next(length for length in _LENGTHS if length >= len(values))
    return [*values, *[values[-1]] * (length - len(values))]


def marks(count: int) -> str:
    """As many question marks: `?, ?, ?`."""
    return ", ".join(["?"] * count)


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterable[Sequence[T]]:
    """Cut into pieces no longer than `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
