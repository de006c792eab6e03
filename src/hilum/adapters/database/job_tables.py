"""The tables of jobs. Times are microseconds, as in `tables`."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
)

from hilum.adapters.database.tables import metadata

_KEY: Final = BigInteger().with_variant(Integer, "sqlite")

job = Table(
    "job",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("job_id", String(32), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("exclusive", String(64), unique=True, comment="Taken until it ends; NULL: nothing"),
    Column("partition_key", _KEY, nullable=False),
    Column("principal", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("due", BigInteger, comment="When anybody may take it; NULL: it has ended"),
    Column("holder", String(120), comment="Who works on it; NULL: nobody"),
    Column("attempts", Integer, nullable=False, comment="How often it was begun"),
    Column("stalled", Integer, nullable=False, comment="Attempts since it last got anywhere"),
    Column("cancel_requested", SmallInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("request", Text, nullable=False, comment="JSON"),
    Column("checkpoint", Text, nullable=False, comment="JSON"),
    Column("results", Text, nullable=False, comment="JSON"),
    Index(None, "due", "changed"),
    Index(None, "state", "key"),
    Index(None, "kind", "key"),
    sqlite_autoincrement=True,
)

job_secret = Table(
    "job_secret",
    metadata,
    Column("job_key", _KEY, ForeignKey("job.key"), primary_key=True, autoincrement=False),
    Column("secrets", Text, nullable=False, comment="JSON; gone when the job ends"),
)

job_error = Table(
    "job_error",
    metadata,
    Column("job_key", _KEY, ForeignKey("job.key"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("message", Text, nullable=False),
)
