"""What is counted of the cache of derived objects."""

from enum import StrEnum
from typing import Protocol


class DerivedRead(StrEnum):
    """What became of a question to the cache. The value is a metric label."""

    MEMORY = "memory"
    DISK = "disk"
    MISS = "miss"
    DAMAGED = "damaged"
    """A file that a crash or a disk spoiled: a miss that was noticed, and the file is gone."""
    FAILED = "failed"
    """The disk did not answer."""


class DerivedPut(StrEnum):
    """What became of an object that was handed to the cache."""

    KEPT = "kept"
    TOO_LARGE = "too-large"
    """Over `derived.maximum_object_bytes`."""
    NO_ROOM = "no-room"
    """The cache is at its size, or has not yet counted what it holds."""
    GONE = "gone"
    """The version it was made of was deleted or replaced meanwhile."""
    FAILED = "failed"
    """The disk is full or fails."""


class DerivedRemoval(StrEnum):
    """Why objects left the disk."""

    SIZE = "size"
    AGE = "age"
    FORGOTTEN = "forgotten"
    """Their instance was deleted or replaced."""
    DAMAGED = "damaged"


class DerivedMeter(Protocol):
    """Called from the event loop."""

    def read(self, outcome: DerivedRead) -> None: ...

    def put(self, outcome: DerivedPut, size_bytes: int) -> None: ...

    def removed(self, reason: DerivedRemoval, objects: int) -> None: ...

    def held(self, size_bytes: int) -> None:
        """The disk holds about so many bytes."""
        ...


class SilentDerivedMeter:
    """Counts nothing."""

    def read(self, outcome: DerivedRead) -> None:
        """Do nothing."""

    def put(self, outcome: DerivedPut, size_bytes: int) -> None:
        """Do nothing."""

    def removed(self, reason: DerivedRemoval, objects: int) -> None:
        """Do nothing."""

    def held(self, size_bytes: int) -> None:
        """Do nothing."""
