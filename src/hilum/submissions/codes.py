"""Findings about files that a submission brought, which are none about DICOM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.domain.findings import Finding, Severity
from hilum.ingest.zip_files import ZipFault


@dataclass(frozen=True, slots=True)
class FileCode:
    """A kind of finding."""

    severity: Severity
    meaning: str
    mend: str


INDEX_FILE: Final = "index-file"
SYSTEM_FILE: Final = "system-file"
EMPTY_FILE: Final = "empty-file"
ZIP_PATH: Final = "zip-path"
ZIP_EMPTY: Final = "zip-empty"
CONFLICT: Final = "conflict"
SOP_INSTANCE_TWICE: Final = "sop-instance-twice"
PROCESSING_FAILED: Final = "processing-failed"

_AGAIN: Final = "Make the zip file again and upload it."

FILE_CODES: Final[Mapping[str, FileCode]] = {
    INDEX_FILE: FileCode(
        Severity.INFO,
        "A DICOMDIR lists files and is none to keep.",
        "Nothing: the files that it lists are taken by themselves.",
    ),
    SYSTEM_FILE: FileCode(
        Severity.INFO, "A file that an operating system leaves in folders.", "Nothing."
    ),
    EMPTY_FILE: FileCode(
        Severity.ERROR, "The file is empty.", "Send the file again from its source."
    ),
    ZipFault.DAMAGED: FileCode(
        Severity.ERROR, "The zip file, or this member of it, is damaged.", _AGAIN
    ),
    ZipFault.ENCRYPTED: FileCode(
        Severity.ERROR,
        "The member of the zip file is encrypted.",
        "Make the zip file again without a password.",
    ),
    ZipFault.COMPRESSION: FileCode(
        Severity.ERROR,
        "The member of the zip file is compressed by another method than deflate.",
        "Make the zip file again with deflate or without compression.",
    ),
    ZipFault.NESTED: FileCode(
        Severity.ERROR,
        "A zip file inside a zip file is not unpacked.",
        "Unpack it and upload what is in it.",
    ),
    ZipFault.BOMB: FileCode(
        Severity.ERROR,
        "The zip file, or this member of it, expands to more than is allowed.",
        "Upload the files themselves, or raise the limits submissions.zip_*.",
    ),
    ZipFault.MEMBERS: FileCode(
        Severity.ERROR,
        "The zip file has more members than are allowed.",
        "Make several zip files, or raise submissions.zip_members.",
    ),
    ZIP_PATH: FileCode(
        Severity.ERROR,
        "The name of the member leads out of the zip file.",
        "Make the zip file again with relative names.",
    ),
    ZIP_EMPTY: FileCode(Severity.WARNING, "There are no files in the zip file.", _AGAIN),
    CONFLICT: FileCode(
        Severity.ERROR,
        "Other bytes are held under the same UIDs.",
        "Release it to make it the new version, or discard it.",
    ),
    SOP_INSTANCE_TWICE: FileCode(
        Severity.ERROR,
        "Another file of the upload has the same SOP Instance UID and other bytes.",
        "Find out which is right; release it as a new version, or give it a UID of its own.",
    ),
    PROCESSING_FAILED: FileCode(
        Severity.ERROR,
        "The file could not be processed for a reason that is not in it.",
        "Look into the log of the server; release the file when that is mended.",
    ),
}
"""By code. A code of `hilum.validation.findings.CODES` is not repeated, but for one that is told
here of files and there of instances."""


def file_finding(code: str, *, tag: int | None = None, found: str = "") -> Finding:
    """A finding of this kind. `found` is in words or numbers, never a name or value."""
    known = FILE_CODES[code]
    return Finding(code, known.severity, tag, known.meaning, found=found)
