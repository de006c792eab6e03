"""What a file is by its name and first bytes, before anything reads it."""

import re
from pathlib import PurePosixPath
from typing import Final

from hilum.ingest.sniffing import looks_like_dicom

HEAD_BYTES: Final = 512
"""Enough for the preamble and the first elements of the file meta information."""

_CLASS: Final = b"\x02\x00\x02\x00UI"
"""Media Storage SOP Class UID (0002,0002)."""
_DIRECTORY_UID: Final = b"1.2.840.10008.1.3.10"
_SYSTEM_FOLDERS: Final = frozenset({"__macosx", ".git", "$recycle.bin"})
_SYSTEM_FILES: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".directory"})
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def leads_out(name: str) -> bool:
    """True for a member's name that, taken for a path, would leave the folder it is unpacked to."""
    path = name.replace("\\", "/")
    return (
        path.startswith("/")
        or ".." in path.split("/")
        or _DRIVE.match(path) is not None
        or "\0" in path
    )


def is_directory(name: str, head: bytes) -> bool:
    """True for a DICOMDIR (PS3.10 section 8.6), by its SOP class, else by its name."""
    at = head.find(_CLASS, 132)
    if at >= 0:
        value = at + len(_CLASS) + 2
        return head[value : value + len(_DIRECTORY_UID)] == _DIRECTORY_UID
    return PurePosixPath(name).name.upper().split(";")[0] == "DICOMDIR"


def is_of_system(name: str, head: bytes) -> bool:
    """True for what operating systems leave in folders, unless there is DICOM in it."""
    *folders, last = [part.lower() for part in PurePosixPath(name).parts] or [""]
    named = (
        last in _SYSTEM_FILES or last.startswith("._") or not _SYSTEM_FOLDERS.isdisjoint(folders)
    )
    return named and not looks_like_dicom(head)
