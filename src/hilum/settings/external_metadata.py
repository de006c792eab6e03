"""Settings of external metadata."""

from hilum.settings.types import ByteCount, Count, Section


class ExternalMetadataSettings(Section):
    """Private attributes of studies that `msdicom-meta-*` headers of a store to `/v2` name."""

    enabled: bool = True
    """Without it these headers are passed over. See docs/operations/external-metadata.md."""
    headers: Count = 32
    """Such headers of one request; more are answered 400."""
    value_bytes: ByteCount = 256
    """Length of one value in UTF-8; more is answered 400. Most VRs allow less."""
    tags: Count = 128
    """Different tags there can be in a data partition, and so of one study; another is answered
    400. A tag that was used once counts for good."""
