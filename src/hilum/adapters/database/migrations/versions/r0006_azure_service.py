"""What the Azure DICOM service has beside DICOMweb: jobs, extended tags, work items, originals."""

from hilum.adapters.database.migrations.azure import (
    change_feed,
    expiry,
    extended_tags,
    external,
    jobs,
    originals,
    partitions,
    worklist,
)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PIECES = (jobs, change_feed, originals, extended_tags, worklist, partitions, expiry, external)


def upgrade() -> None:
    for piece in _PIECES:
        piece.upgrade()


def downgrade() -> None:
    for piece in reversed(_PIECES):
        piece.downgrade()
