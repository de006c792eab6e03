"""The tables of extended query tags and of what instances say in them."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import TypeEngine

from hilum.adapters.database.tables import metadata
from hilum.domain.extended_tags import ValueKind

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")
_TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
_LIVE: Final = text("status <> 'deleting'")

GENERATION: Final = "extended-tags"
"""Of the counter that every change of the tags raises; its row is made by the first."""

extended_tag = Table(
    "extended_tag",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("path", String(8), nullable=False),
    Column("vr", String(2), nullable=False),
    Column("private_creator", Text, nullable=False, comment="Empty: a standard attribute"),
    Column("level", SmallInteger, nullable=False),
    Column("status", String(8), nullable=False),
    Column("query_enabled", SmallInteger, nullable=False),
    Column("errors", BigInteger, nullable=False, comment="Rows of extended_error"),
    Column("job_id", String(32), comment="Of the job that indexes what was held before"),
    Column("created", BigInteger, nullable=False),
    Index(None, "path", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    sqlite_autoincrement=True,
)


def _values(name: str, kind: TypeEngine[Any]) -> Table:
    return Table(
        name,
        metadata,
        Column("tag_key", _KEY, primary_key=True, autoincrement=False),
        Column("owner_key", _KEY, primary_key=True, autoincrement=False),
        Column("partition_key", _KEY, nullable=False),
        Column("value", kind, nullable=False),
        Index(None, "tag_key", "partition_key", "value", "owner_key"),
        comment="By tag and the study, series or instance of its level",
        sqlite_with_rowid=False,
    )


extended_text = _values("extended_text", _TEXT)
extended_integer = _values("extended_integer", BigInteger())
extended_real = _values("extended_real", Double())

VALUE_TABLES: Final = {
    ValueKind.TEXT: extended_text,
    ValueKind.INTEGER: extended_integer,
    ValueKind.REAL: extended_real,
}

extended_error = Table(
    "extended_error",
    metadata,
    Column("tag_key", _KEY, primary_key=True, autoincrement=False),
    Column("instance_key", _KEY, primary_key=True, autoincrement=False, index=True),
    Column("created", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    comment="Why an instance could not be indexed by a tag",
)
