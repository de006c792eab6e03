"""Bulk tables: where the bulk values of an instance lie, and where its metadata tells of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column(
        "bulk_table",
        sa.LargeBinary(),
        nullable=True,
        comment="NULL: described before there was one",
    )
    op.add_column("description", column)


def downgrade() -> None:
    op.drop_column("description", "bulk_table")
