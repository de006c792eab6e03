"""Originals that bulk updates keep."""

import sqlalchemy as sa
from alembic import op

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "original",
        sa.Column("instance_key", _KEY, autoincrement=False, nullable=False),
        sa.Column("partition_key", _KEY, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("description_format", sa.SmallInteger(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Length of the JSON text"),
        sa.Column(
            "invalid_tags",
            sa.LargeBinary(),
            nullable=True,
            comment="32-bit little endian numbers",
        ),
        sa.Column("deflated", sa.LargeBinary(), nullable=False),
        sa.Column("frame_table", sa.LargeBinary(), nullable=False),
        sa.Column(
            "bulk_table",
            sa.LargeBinary(),
            nullable=True,
            comment="NULL: described before there was one",
        ),
        sa.ForeignKeyConstraint(
            ["instance_key"],
            ["instance.key"],
            name=op.f("fk_original_instance_key_instance"),
        ),
        sa.ForeignKeyConstraint(
            ["partition_key"],
            ["partition.key"],
            name=op.f("fk_original_partition_key_partition"),
        ),
        sa.PrimaryKeyConstraint("instance_key", name=op.f("pk_original")),
        sa.UniqueConstraint("version", name=op.f("uq_original_version")),
        comment="What `description` said of the version that a revision left to be kept",
    )


def downgrade() -> None:
    op.drop_table("original")
