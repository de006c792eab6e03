"""What the walk finds: files and members of zip files that may hold an instance."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reads(Protocol):
    """The part of a binary file that the import uses."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Skip(StrEnum):
    """Why something on the way is not handed to the pipeline."""

    NOT_DICOM = "not-dicom"
    """A picture, a text, a viewer on a CD: no fault, it is only counted."""
    INDEX_FILE = "index-file"
    """A DICOMDIR met on the way: what it refers to is found by the walk itself."""
    UNREADABLE = "unreadable"
    """The file system says no."""
    UNSAFE = "unsafe"
    """A zip file or a member that breaks a limit, a reference that leaves its medium."""

    @property
    def is_fault(self) -> bool:
        """True when the person who started the import must hear of it."""
        return self in {Skip.UNREADABLE, Skip.UNSAFE}


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was passed by, and why; `reason` names no file, so that it can be grouped."""

    name: str
    kind: Skip
    reason: str
    weight_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be an instance."""

    name: str
    """For people: a path, or `path!member` inside a zip file. Never used to open anything."""
    identity: bytes
    """Sixteen bytes made of what tells this file from a changed one: the ledger's key."""
    weight_bytes: int
    """Its share of the work: bytes it takes on the disk."""
    named: bool
    """True when the person named it, so that 'this is not DICOM' is an answer they need."""
    open: Callable[[], Reads]
    """Open for reading from the start. Raises `OSError` or `Refused`."""
    release: Callable[[], None]
    """To be called once when nobody will open it any more."""


class Refused(Exception):
    """A candidate that must not be read on; the text names no file."""

    def __init__(self, kind: Skip, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def identity(path: str, size: int, mtime_ns: int, member: str = "") -> bytes:
    """Digest of what changes when the file changes."""
    text = "\0".join((path, str(size), str(mtime_ns), member))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def nothing() -> None:
    """Release for a candidate that holds nothing open."""


def what_the_system_says(error: OSError) -> str:
    """The system's words for an error, without the path in them."""
    return error.strerror or type(error).__name__
