"""What a check of the archive found, and what a repair made of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hilum.domain.identifiers import Version
from hilum.ports.objects import StoredObject

_LISTED: Final = 10_000


class Damage(StrEnum):
    """The kinds of disagreement between objects, index and feed."""

    INDEX = "index"
    """The index disagrees with itself. Repair: counts, names and empty parents are made again."""
    OBJECT_MISSING = "object-missing"
    """The index names an object that is not there. Only a copy of it can help."""
    OBJECT_SIZE = "object-size"
    """An object is shorter or longer than when it was kept. Only a copy of it can help."""
    OBJECT_BYTES = "object-bytes"
    """An object's bytes changed since it was kept (deep check). Only a copy of it can help."""
    OBJECT_UNREADABLE = "object-unreadable"
    """The disk gives an error for an object."""
    OBJECT_DOOMED = "object-doomed"
    """A live instance's object is queued for deletion: stop the server before it is freed."""
    OBJECT_NOT_FREED = "object-not-freed"
    """An object of a superseded version that nobody will free. Repair: it is freed."""
    OBJECT_LEFT_OVER = "object-left-over"
    """An object of an instance that was deleted, as the feed says. Repair: it is freed."""
    OBJECT_UNREFERENCED = "object-unreferenced"
    """An object without a row: written and never acknowledged, or its rows were lost. Repair: it
    is described again; what cannot be put back is set aside, never destroyed."""
    NOT_DESCRIBED = "not-described"
    """An instance without its stored metadata. Repair: its object is described again."""
    NOT_ANNOUNCED = "not-announced"
    """A version that the feed never announced. Repair: its object is described again."""
    ANNOUNCED_TWICE = "announced-twice"
    """A version that the feed announced more than once, and no repair did."""
    ANNOUNCED_GONE = "announced-gone"
    """A live instance that the feed says was deleted."""
    UNFINISHED_WRITE = "unfinished-write"
    """A process died while it wrote an object; the next start settles it. Repair: it is settled."""


@dataclass(slots=True)
class Found:
    """One disagreement; `text` names UIDs and keys, never a patient."""

    damage: Damage
    text: str
    stored: StoredObject | None = None
    """The object that is meant, of the size it was kept with."""
    mended: bool = False
    remedy: str = ""
    """What was done about it, or what a person has to do."""


@dataclass(slots=True)
class FsckReport:
    """Grows while the check runs. Beyond ten thousand findings only the counts grow."""

    versions: int = 0
    objects: int = 0
    feed_entries: int = 0
    read_bytes: int = 0
    """Of objects; only a deep check reads them."""
    found: list[Found] = field(default_factory=list)
    counts: Counter[Damage] = field(default_factory=Counter)

    def add(self, found: Found) -> None:
        self.counts[found.damage] += 1
        if len(self.found) < _LISTED:
            self.found.append(found)

    def open(self) -> Sequence[Found]:
        """Findings that no repair has dealt with."""
        return [found for found in self.found if not found.mended]

    @property
    def unlisted(self) -> int:
        """Findings that were only counted."""
        return self.counts.total() - len(self.found)

    @property
    def is_clean(self) -> bool:
        """True when nothing is wrong, or nothing is wrong any more."""
        return not self.open() and not self.unlisted


class VersionSet:
    """A set of version numbers, one bit each: a million versions take 125 KB."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, version: Version) -> bool:
        """Add `version`; False when it was in the set."""
        index, bit = version >> 3, 1 << (version & 7)
        if index >= len(self._bits):
            self._bits.extend(bytes(index + 1 - len(self._bits) + (1 << 16)))
        if self._bits[index] & bit:
            return False
        self._bits[index] |= bit
        return True

    def __contains__(self, version: Version) -> bool:
        index = version >> 3
        return index < len(self._bits) and bool(self._bits[index] & (1 << (version & 7)))

    def overlaps(self, other: "VersionSet") -> bool:
        """True when some version is in both."""
        return any(mine & theirs for mine, theirs in zip(self._bits, other._bits, strict=False))

    def missing_from(self, other: "VersionSet") -> Iterator[Version]:
        """Yield what is in this set and not in `other`, ascending."""
        for index, mine in enumerate(self._bits):
            theirs = other._bits[index] if index < len(other._bits) else 0
            if lacking := mine & ~theirs:
                yield from (Version(index * 8 + bit) for bit in range(8) if lacking & (1 << bit))
