"""Settings of the stages that uploads go through."""

from typing import Annotated

from pydantic import Field

from hilum.settings.types import ByteCount, ByteCountOrZero, Count, CountOrZero, Seconds, Section


class SubmissionSettings(Section):
    """The stages of uploads: validator and descriptor."""

    studies_at_once: Annotated[int, Field(ge=1, le=256)] = 4
    """Uploads that one stage of one process works on at the same time."""
    files_at_once: Annotated[int, Field(ge=1, le=256)] = 4
    """Files of one upload that are worked on at the same time."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 8
    """How often a stage tries an upload that fails, with the pauses of `bus.retry_seconds`. Then
    the upload is `failed` and its files are in quarantine, unless an outage is the cause: it waits
    for the end of that."""
    patience_seconds: Seconds = 60.0
    """An upload that nobody was heard of for so long is taken up again; twice as long each time."""
    look_seconds: Seconds = 15.0
    """How often such uploads, and those to be forgotten, are looked for."""
    history_days: CountOrZero = 90
    """How long the history of an upload is kept after its end. 0: for ever. Uploads with files in
    quarantine that nobody decided about are kept. What left quarantine is forgotten after the same
    time."""
    memory_member_bytes: ByteCount = 1 << 20
    """Members of ZIP files up to this size are unpacked in memory, larger ones in the spool."""
    memory_bytes: ByteCount = 64 << 20
    """Memory for all members that are being unpacked."""
    zip_ratio: Count = 100
    """Unpacked bytes for each byte of a ZIP file (decompression bombs), beyond `zip_free_bytes`."""
    zip_free_bytes: ByteCountOrZero = 64 << 20
    """What any ZIP file may unpack to whatever its ratio: empty images compress 1,000 to 1."""
    zip_member_bytes: ByteCount = 2 << 30
    """Largest member of a ZIP file, unpacked."""
    zip_total_bytes: ByteCount = 32 << 30
    """What all ZIP files of one upload may unpack to, so that one cannot fill the disk."""
    zip_members: Count = 100_000
    """Members of one ZIP file."""
