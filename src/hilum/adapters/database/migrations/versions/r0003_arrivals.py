"""Arrivals: what sources offered, its history, and how far each source was read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _arrivals()
    _steps()
    _cursors()


def downgrade() -> None:
    for table in ("source_cursor", "arrival_step", "arrival"):
        op.drop_table(table)


def _arrivals() -> None:
    op.create_table(
        "arrival",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("source_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column(
            "again",
            sa.Text(),
            nullable=True,
            comment="Correlation id of who spoke of it while it was fetched",
        ),
        sa.Column("force", sa.SmallInteger(), nullable=False, comment="1: fetch all of it again"),
        sa.Column(
            "due",
            sa.BigInteger(),
            nullable=True,
            comment="NULL: settled; while fetched, end of the lease",
        ),
        sa.Column("worker", sa.Text(), nullable=True, comment="Who has it in hands"),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            comment="Failed in a row, the current one too",
        ),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=True),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column(
            "updated",
            sa.Text(),
            nullable=False,
            comment="At the source, when all of it was held",
        ),
        sa.Column(
            "reported",
            sa.Text(),
            nullable=False,
            comment="Digest of the failures announced last",
        ),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column(
            "parts",
            sa.Text(),
            nullable=False,
            comment="JSON: digests of the series held, by source id",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_arrival")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_arrival_source_source_id")),
        sqlite_autoincrement=True,
    )
    _index("arrival", "due")
    _index("arrival", "study_instance_uid")


def _steps() -> None:
    op.create_table(
        "arrival_step",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("arrival_key", _KEY, nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["arrival_key"], ["arrival.key"], name=op.f("fk_arrival_step_arrival_key_arrival")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_arrival_step")),
        comment="The newest steps of each arrival",
        sqlite_autoincrement=True,
    )
    _index("arrival_step", "arrival_key")


def _cursors() -> None:
    op.create_table(
        "source_cursor",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False, comment="What the change of that number said"),
        sa.Column(
            "resync_after",
            sa.BigInteger(),
            nullable=True,
            comment="Studies a resync has been through; NULL: none",
        ),
        sa.Column("resync_force", sa.SmallInteger(), nullable=False),
        sa.Column(
            "resync_asked",
            sa.SmallInteger(),
            nullable=False,
            comment="0 no, 1 yes, 2 fetch all again",
        ),
        sa.Column("worker", sa.Text(), nullable=False, comment="Who follows the source"),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="End of that right"),
        sa.Column(
            "checked", sa.BigInteger(), nullable=True, comment="When the source answered last"
        ),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_source_cursor")),
    )


def _index(table: str, *columns: str) -> None:
    name = "_".join(["ix", table, *columns])
    op.create_index(op.f(name), table, list(columns))
