"""Delivery: subscriptions, dead letters, studies coming to rest, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _subscriptions()
    _dead_letters()
    _study_watches()
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
        comment="Of several processes on one database, which does what only one may do",
    )


def downgrade() -> None:
    for table in ("lease", "study_watch", "dead_letter", "subscription"):
        op.drop_table(table)


def _subscriptions() -> None:
    op.create_table(
        "subscription",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sink", sa.String(length=64), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False, comment="JSON: what of the feed is wanted"),
        sa.Column(
            "state", sa.String(length=16), nullable=False, comment="running, paused or retired"
        ),
        sa.Column(
            "feed_id", sa.Text(), nullable=False, comment="Of the feed that the cursor counts in"
        ),
        sa.Column(
            "cursor", sa.BigInteger(), nullable=False, comment="The last sequence that is done with"
        ),
        sa.Column(
            "epoch",
            sa.BigInteger(),
            nullable=False,
            comment="Raised when somebody moves the cursor",
        ),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="Failed in a row"),
        sa.Column("next_attempt", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_subscription")),
        comment="Named followers of the feed; internal ones have no sink",
    )


def _dead_letters() -> None:
    op.create_table(
        "dead_letter",
        sa.Column("key", _KEY, nullable=False),
        sa.Column(
            "origin", sa.String(length=16), nullable=False, comment="subscription or ingestion"
        ),
        sa.Column(
            "subject",
            sa.String(length=64),
            nullable=False,
            comment="Name of the subscription or source",
        ),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column(
            "event_id",
            sa.Text(),
            nullable=False,
            comment="Of the event, or what the source calls it",
        ),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False, comment="A word for grouping"),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_failed", sa.BigInteger(), nullable=False),
        sa.Column("last_failed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "target", sa.String(length=64), nullable=False, comment="The sink it was redirected to"
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why somebody decided so"),
        sa.Column(
            "copied", sa.BigInteger(), nullable=True, comment="When its copy was told, or given up"
        ),
        sa.Column("headers", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint(
            "origin", "subject", "event_id", name=op.f("uq_dead_letter_origin_subject_event_id")
        ),
        sqlite_autoincrement=True,
    )
    _index("dead_letter", "state", "origin", "subject", "key")


def _study_watches() -> None:
    op.create_table(
        "study_watch",
        sa.Column("partition_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("last_change", sa.BigInteger(), nullable=False),
        sa.Column(
            "due",
            sa.BigInteger(),
            nullable=True,
            comment="When it counts as stable; NULL: it is at rest",
        ),
        sa.Column(
            "because",
            sa.String(length=16),
            nullable=False,
            comment="What it will count as stable for",
        ),
        sa.Column("expected_count", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("newest_sequence", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, comment="How often it was announced"),
        sa.Column("announced_version", sa.BigInteger(), nullable=False),
        sa.Column("announced_count", sa.BigInteger(), nullable=False),
        sa.Column("announced", sa.BigInteger(), nullable=True),
        sa.Column("failed_instances", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("partition_key", "study_instance_uid", name=op.f("pk_study_watch")),
        comment="Studies that were touched, and in which state they were last announced as stable",
    )
    _index("study_watch", "due")


def _index(table: str, *columns: str) -> None:
    name = "_".join(["ix", table, *columns])
    op.create_index(op.f(name), table, list(columns))
