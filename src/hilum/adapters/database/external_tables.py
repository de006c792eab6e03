"""What is said of studies beside their instances. By their UIDs, as `expiry_tables`."""

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from hilum.adapters.database.tables import metadata

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")

external_tag = Table(
    "external_tag",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("tag", String(8), primary_key=True),
    Column("vr", String(2), nullable=False),
)
"""The VR of each tag, fixed by its first use."""

external_value = Table(
    "external_value",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("study_instance_uid", String(64), primary_key=True),
    Column("tag", String(8), primary_key=True),
    Column("value", Text, nullable=False),
)
