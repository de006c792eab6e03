"""The tables of delivery: followers of the feed, dead letters, studies coming to rest, leases.

They lie in the database of the feed, so that what is decided about an entry commits with the cursor
that has passed it. Times are microseconds, as in `tables`.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from hilum.adapters.database.tables import metadata

_KEY = BigInteger().with_variant(Integer, "sqlite")

REVISION_FLOOR: Final = "revision"
"""In `counter`: studies announced for the first time get revisions above this; no row means 0."""

subscription = Table(
    "subscription",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("sink", String(64), nullable=False),
    Column("filter", Text, nullable=False, comment="JSON: what of the feed is wanted"),
    Column("state", String(16), nullable=False, comment="running, paused or retired"),
    Column("feed_id", Text, nullable=False, comment="Of the feed that the cursor counts in"),
    Column("cursor", BigInteger, nullable=False, comment="The last sequence that is done with"),
    Column("epoch", BigInteger, nullable=False, comment="Raised when somebody moves the cursor"),
    Column("sent", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, comment="Failed in a row"),
    Column("next_attempt", BigInteger),
    Column("last_error", Text),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    comment="Named followers of the feed; internal ones have no sink",
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("key", _KEY, primary_key=True),
    Column("origin", String(16), nullable=False, comment="subscription or ingestion"),
    Column("subject", String(64), nullable=False, comment="Name of the subscription or source"),
    Column("sequence", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False, comment="Of the event, or what the source calls it"),
    Column("event_type", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("cause", Text, nullable=False, comment="A word for grouping"),
    Column("message", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("first_failed", BigInteger, nullable=False),
    Column("last_failed", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("target", String(64), nullable=False, comment="The sink it was redirected to"),
    Column("reason", Text, nullable=False, comment="Why somebody decided so"),
    Column("copied", BigInteger, comment="When its copy was told, or given up"),
    Column("headers", Text, nullable=False, comment="JSON"),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("origin", "subject", "event_id"),
    Index(None, "state", "origin", "subject", "key"),
    sqlite_autoincrement=True,
)

study_watch = Table(
    "study_watch",
    metadata,
    Column("partition_key", _KEY, primary_key=True, autoincrement=False),
    Column("study_instance_uid", String(64), primary_key=True),
    Column("last_change", BigInteger, nullable=False),
    Column("due", BigInteger, index=True, comment="When it counts as stable; NULL: it is at rest"),
    Column("because", String(16), nullable=False, comment="What it will count as stable for"),
    Column("expected_count", BigInteger),
    Column("source", String(64), nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("newest_sequence", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, comment="How often it was announced"),
    Column("announced_version", BigInteger, nullable=False),
    Column("announced_count", BigInteger, nullable=False),
    Column("announced", BigInteger),
    Column("failed_instances", Integer, nullable=False),
    comment="Studies that were touched, and in which state they were last announced as stable",
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    comment="Of several processes on one database, which does what only one may do",
)
