"""Jobs that outlive their requests."""

import sqlalchemy as sa
from alembic import op

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _jobs()
    op.create_table(
        "job_secret",
        sa.Column("job_key", _KEY, nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False, comment="JSON; gone when the job ends"),
        sa.ForeignKeyConstraint(["job_key"], ["job.key"], name=op.f("fk_job_secret_job_key_job")),
        sa.PrimaryKeyConstraint("job_key", name=op.f("pk_job_secret")),
    )
    op.create_table(
        "job_error",
        sa.Column("job_key", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _number("time"),
        _text("what"),
        _text("message"),
        sa.ForeignKeyConstraint(["job_key"], ["job.key"], name=op.f("fk_job_error_job_key_job")),
        sa.PrimaryKeyConstraint("job_key", "number", name=op.f("pk_job_error")),
    )
    for columns in (("due", "changed"), ("state", "key"), ("kind", "key")):
        op.create_index(op.f("_".join(["ix_job", *columns])), "job", list(columns))


def downgrade() -> None:
    op.drop_table("job_error")
    op.drop_table("job_secret")
    op.drop_table("job")


def _text(name: str, comment: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _jobs() -> None:
    op.create_table(
        "job",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "exclusive",
            sa.String(length=64),
            nullable=True,
            comment="Taken until it ends; NULL: nothing",
        ),
        sa.Column("partition_key", _KEY, nullable=False),
        _text("principal"),
        _text("correlation_id"),
        _number("created"),
        _number("changed"),
        sa.Column(
            "due",
            sa.BigInteger(),
            nullable=True,
            comment="When anybody may take it; NULL: it has ended",
        ),
        sa.Column(
            "holder",
            sa.String(length=120),
            nullable=True,
            comment="Who works on it; NULL: nobody",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="How often it was begun"),
        sa.Column(
            "stalled",
            sa.Integer(),
            nullable=False,
            comment="Attempts since it last got anywhere",
        ),
        sa.Column("cancel_requested", sa.SmallInteger(), nullable=False),
        _number("done"),
        _number("total"),
        _text("error"),
        _text("request", "JSON"),
        _text("checkpoint", "JSON"),
        _text("results", "JSON"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_job")),
        sa.UniqueConstraint("job_id", name=op.f("uq_job_job_id")),
        sa.UniqueConstraint("exclusive", name=op.f("uq_job_exclusive")),
        sqlite_autoincrement=True,
    )
