"""Extended query tags and their values."""

from typing import Any

import sqlalchemy as sa
from alembic import op

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_VALUES: tuple[tuple[str, "sa.types.TypeEngine[Any]"], ...] = (
    ("extended_text", _TEXT),
    ("extended_integer", sa.BigInteger()),
    ("extended_real", sa.Double()),
)


def upgrade() -> None:
    _tags()
    for name, kind in _VALUES:
        _values(name, kind)
    _errors()
    op.add_column(
        "instance_version",
        sa.Column(
            "warned",
            sa.SmallInteger(),
            nullable=False,
            server_default="0",
            comment="1: the sender was told of invalid values",
        ),
    )


def downgrade() -> None:
    op.drop_column("instance_version", "warned")
    op.drop_table("extended_error")
    for name, _ in _VALUES:
        op.drop_table(name)
    op.drop_table("extended_tag")


def _tags() -> None:
    op.create_table(
        "extended_tag",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("path", sa.String(length=8), nullable=False),
        sa.Column("vr", sa.String(length=2), nullable=False),
        sa.Column(
            "private_creator", sa.Text(), nullable=False, comment="Empty: a standard attribute"
        ),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("query_enabled", sa.SmallInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False, comment="Rows of extended_error"),
        sa.Column(
            "job_id",
            sa.String(length=32),
            nullable=True,
            comment="Of the job that indexes what was held before",
        ),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_extended_tag")),
        sqlite_autoincrement=True,
    )
    live = sa.text("status <> 'deleting'")
    op.create_index(
        op.f("ix_extended_tag_path"),
        "extended_tag",
        ["path"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def _values(name: str, kind: "sa.types.TypeEngine[Any]") -> None:
    op.create_table(
        name,
        sa.Column("tag_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("owner_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("value", kind, nullable=False),
        sa.PrimaryKeyConstraint("tag_key", "owner_key", name=op.f(f"pk_{name}")),
        comment="By tag and the study, series or instance of its level",
        sqlite_with_rowid=False,
    )
    columns = ["tag_key", "partition_key", "value", "owner_key"]
    op.create_index(op.f("_".join(["ix", name, *columns])), name, columns)


def _errors() -> None:
    op.create_table(
        "extended_error",
        sa.Column("tag_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("instance_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tag_key", "instance_key", name=op.f("pk_extended_error")),
        comment="Why an instance could not be indexed by a tag",
    )
    op.create_index(op.f("ix_extended_error_instance_key"), "extended_error", ["instance_key"])
