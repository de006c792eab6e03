"""When studies expire."""

import sqlalchemy as sa
from alembic import op


def upgrade() -> None:
    op.create_table(
        "study_expiry",
        sa.Column(
            "partition_key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("partition_key", "study_instance_uid", name="pk_study_expiry"),
    )
    op.create_index(op.f("ix_study_expiry_expires"), "study_expiry", ["expires"])


def downgrade() -> None:
    op.drop_table("study_expiry")
