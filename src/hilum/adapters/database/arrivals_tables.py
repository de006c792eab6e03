"""The tables of arrivals: what sources offered, its history, and how far each source was read.

Times are microseconds, as in `tables`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from hilum.adapters.database.tables import metadata

_KEY = BigInteger().with_variant(Integer, "sqlite")

arrival = Table(
    "arrival",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("source_id", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("again", Text, comment="Correlation id of who spoke of it while it was fetched"),
    Column("force", SmallInteger, nullable=False, comment="1: fetch all of it again"),
    Column("due", BigInteger, index=True, comment="NULL: settled; while fetched, end of the lease"),
    Column("worker", Text, comment="Who has it in hands"),
    Column("attempts", Integer, nullable=False, comment="Failed in a row, the current one too"),
    Column("study_instance_uid", String(64), index=True),
    Column("instances", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("updated", Text, nullable=False, comment="At the source, when all of it was held"),
    Column("reported", Text, nullable=False, comment="Digest of the failures announced last"),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("parts", Text, nullable=False, comment="JSON: digests of the series held, by source id"),
    UniqueConstraint("source", "source_id"),
    sqlite_autoincrement=True,
)

arrival_step = Table(
    "arrival_step",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("arrival_key", _KEY, ForeignKey("arrival.key"), nullable=False, index=True),
    Column("time", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
    comment="The newest steps of each arrival",
)

source_cursor = Table(
    "source_cursor",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("mark", Text, nullable=False, comment="What the change of that number said"),
    Column("resync_after", BigInteger, comment="Studies a resync has been through; NULL: none"),
    Column("resync_force", SmallInteger, nullable=False),
    Column("resync_asked", SmallInteger, nullable=False, comment="0 no, 1 yes, 2 fetch all again"),
    Column("worker", Text, nullable=False, comment="Who follows the source"),
    Column("until", BigInteger, nullable=False, comment="End of that right"),
    Column("checked", BigInteger, comment="When the source answered last"),
    Column("error", Text, nullable=False),
)
