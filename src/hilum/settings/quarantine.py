"""Settings of what is refused and kept apart."""

from typing import Annotated, Literal

from hilum.settings.types import LIST_TEXT, ByteCount, Count, Seconds, Section

QuarantineDoor = Literal["c-store", "stow", "import", "orthanc"]


class QuarantineSettings(Section):
    """What is refused and kept apart: for how long, how much, and how it is repaired."""

    doors: Annotated[tuple[QuarantineDoor, ...], LIST_TEXT] = ("c-store",)
    """Doors whose refused instances are kept beside those of uploads, which always are. A modality
    cannot mend what it sends and may delete it; whoever sends by STOW-RS is told at once, an
    import still has its files, and Orthanc its studies."""
    conflicts: bool = True
    """Whether those doors also keep what they refuse because other bytes are held under its UIDs.
    A sender that sends everything again in another encoding fills the quarantine with it."""
    retention_days: Count = 30
    """How long something is kept when nobody decides about it, and how long the original of
    something repaired is."""
    maximum_bytes: ByteCount = 10 << 30
    """What may be held in all. Beyond it things are refused as ever, and not kept. Uploads are
    acknowledged before they are judged, so what is refused of them is always kept: once that alone
    is as much, further uploads are answered 507."""
    maximum_files: Count = 100_000
    """The same as a number of files."""
    expiry_seconds: Seconds = 600.0
    """How often the server looks for what has been kept long enough."""
    repair_bytes: ByteCount = 256 << 20
    """Memory that repairing one file may take beside its pixel data, which is copied in pieces; of
    a deflated data set all of it counts. What needs more is not repaired."""
