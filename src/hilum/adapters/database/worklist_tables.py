"""The tables of work items, of who subscribed to them, and of what is still to be told.

Times are microseconds, as in `tables`. Data sets are compressed JSON, since nobody searches in
them: what is searched for lies in `workitem_value`.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from hilum.adapters.database.tables import metadata

_TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # ordered by code points
_KEY = BigInteger().with_variant(Integer, "sqlite")


def _of_workitem() -> "Column[int]":
    return Column(
        "workitem_key", _KEY, ForeignKey("workitem.key"), primary_key=True, autoincrement=False
    )


workitem = Table(
    "workitem",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("partition_key", _KEY, nullable=False),
    Column("uid", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("transaction_uid", String(64), comment="Of who performs it"),
    Column("version", BigInteger, nullable=False, comment="Counts changes"),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("ended", BigInteger, comment="When its state became final; NULL: it is not"),
    Column("dataset", LargeBinary, nullable=False),
    UniqueConstraint("partition_key", "uid"),
    Index(None, "partition_key", "key"),
    Index(None, "ended"),
    sqlite_autoincrement=True,
)

workitem_value = Table(
    "workitem_value",
    metadata,
    _of_workitem(),
    Column("path", String(17), primary_key=True),
    Column("value", _TEXT, primary_key=True, comment="Folded"),
    Index(None, "path", "value", "workitem_key"),
)

workitem_subscription = Table(
    "workitem_subscription",
    metadata,
    _of_workitem(),
    Column("ae_title", String(16), primary_key=True),
    Column("deletion_lock", SmallInteger, nullable=False),
    Index(None, "ae_title"),
)

workitem_watch = Table(
    "workitem_watch",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("ae_title", String(16), primary_key=True),
    Column("filter_id", String(64), primary_key=True, comment="Digest of the filter"),
    Column("filter", Text, nullable=False, comment="JSON of what must match; empty: anything"),
    Column("deletion_lock", SmallInteger, nullable=False),
    comment="Who is subscribed to what is yet to be created",
)

workitem_receiver = Table(
    "workitem_receiver",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("ae_title", String(16), primary_key=True),
    Column("receiver", String(32), nullable=False),
    comment="Which connection gets what a subscriber is told: the newest",
)

workitem_event = Table(
    "workitem_event",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("partition_key", _KEY, nullable=False),
    Column("ae_title", String(16), nullable=False),
    Column("uid", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("facts", LargeBinary, nullable=False, comment="JSON"),
    Column("time", BigInteger, nullable=False, index=True),
    Index(None, "partition_key", "ae_title", "key"),
    sqlite_autoincrement=True,
    comment="What subscribers have not had yet",
)
