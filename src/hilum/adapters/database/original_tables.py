"""The table of originals: what there was of an instance before a bulk update changed it."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, SmallInteger, Table

from hilum.adapters.database.statements import columns_of
from hilum.adapters.database.tables import metadata

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")

original = Table(
    "original",
    metadata,
    Column(
        "instance_key",
        _KEY,
        ForeignKey("instance.key"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("partition_key", _KEY, ForeignKey("partition.key"), nullable=False),
    Column("version", BigInteger, nullable=False, unique=True),
    Column("description_format", SmallInteger, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Length of the JSON text"),
    Column("invalid_tags", LargeBinary, comment="32-bit little endian numbers"),
    Column("deflated", LargeBinary, nullable=False),
    Column("frame_table", LargeBinary, nullable=False),
    Column("bulk_table", LargeBinary, comment="NULL: described before there was one"),
    comment="What `description` said of the version that a revision left to be kept",
)

DESCRIBED: Final = columns_of(original, without=["version"])
"""Columns that are taken over from `description`, whose names are the same."""
