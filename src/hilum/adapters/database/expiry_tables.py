"""When studies expire. By their UIDs, so that the rows outlive a rebuild of the index as they are.

Times are microseconds, as in `tables`.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from hilum.adapters.database.tables import metadata

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")

study_expiry = Table(
    "study_expiry",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("study_instance_uid", String(64), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index(None, "expires"),
)
