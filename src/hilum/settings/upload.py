"""Settings of the upload door and of the status of what came through it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from hilum.settings.types import LIST_TEXT, ByteCount, Count, Seconds, Section

Extension = Annotated[
    str,
    StringConstraints(pattern=r"^\.?[A-Za-z0-9_-]{1,32}$"),
    AfterValidator(lambda text: "." + text.lstrip(".").lower()),
]


class UploadSettings(Section):
    """`POST /upload`: forms with DICOM or zip files, acknowledged first and validated later."""

    folder: Path | None = None
    """Folder in which files wait until they are archived, and stay while in quarantine. All
    processes of a deployment need the same one, and those of another deployment another: what no
    row of the database knows is removed from it. None: `holding` in `data_dir`."""
    file_bytes: ByteCount = 100 << 20
    """One file of an upload; more is refused with 413."""
    request_bytes: ByteCount = 4 << 30
    """One upload. It is streamed: this bounds disk, not memory."""
    files: Count = 10_000
    """Parts of one form, fields that are no files included."""
    part_header_bytes: ByteCount = 16_384
    """Headers of one part of a form."""
    memory_file_bytes: ByteCount = 1 << 20
    """Files up to this size stay in memory until the form is complete; larger ones go to the
    spool."""
    memory_bytes: ByteCount = 64 << 20
    """Memory for the files of all uploads together. When it is used up, files go to the spool
    however small they are."""
    concurrent_files: Annotated[int, Field(ge=1, le=256)] = 8
    """Files of one upload that are brought to stable storage at the same time."""
    allowed_extensions: Annotated[tuple[Extension, ...], LIST_TEXT] = ()
    """Endings that names of files must have, such as `.dcm, .zip`; others are refused with 415.
    None: any, since much DICOM has no ending and its content says what it is."""
    profile: Literal["standard", "strict", "minimal", "azure-v1", "azure-v2"] = "standard"
    """Rules that files must pass (docs/findings.md)."""
    depth: str = "practice"
    """The deep profile they must pass, too: `standard`, `practice`, `strict`, one of
    `validation.profiles`; empty: none."""
    on_conflict: Literal["refuse", "new-version"] = "refuse"
    """What to do with a file when other bytes are held under its UIDs."""
    orphan_seconds: Seconds = 3600.0
    """Files that a crash left before they became an upload are removed this long afterwards."""
