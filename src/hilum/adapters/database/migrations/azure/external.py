"""What is said of studies beside their instances (external metadata)."""

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "external_tag",
        sa.Column("partition_key", key, autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=8), nullable=False),
        sa.Column("vr", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("partition_key", "tag", name="pk_external_tag"),
    )
    op.create_table(
        "external_value",
        sa.Column("partition_key", key, autoincrement=False, nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=8), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "partition_key", "study_instance_uid", "tag", name="pk_external_value"
        ),
    )


def downgrade() -> None:
    op.drop_table("external_value")
    op.drop_table("external_tag")
