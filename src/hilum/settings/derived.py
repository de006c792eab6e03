"""Settings of the cache of derived objects."""

from pathlib import Path

from hilum.settings.types import ByteCount, ByteCountOrZero, Seconds, Section


class DerivedSettings(Section):
    """Rendered images, thumbnails and transcoded frames, kept so that they are made once."""

    folder: Path | None = None
    """Where they lie, of this archive only; `derived` in the data folder unless another, such as a
    faster disk, is named. It needs no backup."""
    maximum_bytes: ByteCountOrZero = 4 << 30
    """Space they may take. What was not used for the longest time goes first. 0 keeps none, and
    removes those that are there."""
    maximum_age_seconds: Seconds = 30 * 86_400.0
    """What was not used for so long is removed."""
    maximum_object_bytes: ByteCount = 32 << 20
    """Larger ones are not kept, nor those of more than a tenth of `maximum_bytes`."""
    memory_bytes: ByteCountOrZero = 64 << 20
    """Memory for those that were used last."""
    sweep_seconds: Seconds = 600.0
    """Time between two looks at the whole folder, which remove what is too old."""
    comparison_seconds: Seconds = 3600.0
    """Time between two comparisons with the index, which remove what was made of instances that
    another server deleted."""
