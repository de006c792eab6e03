"""Settings of bulk updates."""

from hilum.settings.types import ByteCount, Count, Section


class UpdateSettings(Section):
    """Bulk updates of studies (`POST /v2/studies/$bulkUpdate`)."""

    studies: Count = 50
    """Studies that one request may name."""
    batch_instances: Count = 2000
    """Instances of a study whose new versions are committed together. A longer study is committed
    in several parts: each instance changes as a whole, but for a moment some of the study have the
    new values and some the old ones."""
    batch_bytes: ByteCount = 64 << 20
    """The same as memory that the rows of these instances take before they are committed."""
    attempts: Count = 5
    """How often a study is begun again when instances are added to it, replaced or deleted while it
    is worked on. Then it fails, and stays as it is."""
    at_once: Count = 4
    """Files of a study that are changed side by side."""
    memory_bytes: ByteCount = 64 << 20
    """Memory that changing one file may take beside its pixel data, which is copied in pieces; of a
    deflated data set all of it counts. A study with a file that needs more fails."""
