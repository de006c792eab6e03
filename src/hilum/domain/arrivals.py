"""What a source offered and what became of it: answered later, so it is remembered meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from hilum.domain.identifiers import StudyInstanceUID


class ArrivalState(StrEnum):
    """Where an arrival stands; the value is in rows and answers."""

    WAITING = "waiting"
    """To be fetched, or tried again, when it is due."""
    FETCHING = "fetching"
    """In a worker's hands until its lease ends."""
    KEPT = "kept"
    """All of it is held and announced."""
    PARTIAL = "partial"
    """Some of it could not be kept; the rest is held and announced."""
    UNKNOWN = "unknown"
    """The source does not know it (404)."""
    FAILED = "failed"
    """Given up: nothing of it could be kept."""


SETTLED: Final = frozenset(
    {ArrivalState.KEPT, ArrivalState.PARTIAL, ArrivalState.UNKNOWN, ArrivalState.FAILED}
)
"""States in which nothing happens before the source or somebody else speaks of it again."""


class Told(StrEnum):
    """How we came to know of an arrival."""

    WEBHOOK = "webhook"
    CHANGE = "change"
    """The source's own list of changes says that it is complete."""
    BEGUN = "begun"
    """The source began to receive it; it is looked at later if nobody says more."""
    RESYNC = "resync"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Seen:
    """A source has something, or something new of it."""

    source: str
    source_id: str
    """The source's name for it, such as an Orthanc study id."""
    correlation_id: str
    told: Told
    due: datetime | None = None
    """When to look at it; None: now."""
    updated: str = ""
    """When it changed last, in the source's words; nothing is done when all of that is held."""
    force: bool = False
    """Fetch all of it again, whatever is known of it, and tell again what fails as before."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of a `Seen`, durably."""

    key: int
    state: ArrivalState
    correlation_id: str
    """Under which it will be handled: that of the first who spoke of this visit."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An arrival in a worker's hands."""

    key: int
    source: str
    source_id: str
    correlation_id: str
    attempts: int
    """This one included."""
    created: datetime
    force: bool
    updated: str
    """What the source had said when all of it was held; empty when it is not."""
    parts: Mapping[str, str]
    """What was held completely after earlier visits: digests of series, by the source's id."""
    reported: str
    """Digest of the failures that were announced last."""
    study: StudyInstanceUID | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a visit ended."""

    state: ArrivalState
    attempts: int
    """Failed ones in a row, for the next visit to count on."""
    due: datetime | None = None
    """With `WAITING`: when to try again."""
    error: str = ""
    """What stands in the way, for an operator; no patient data."""
    study: StudyInstanceUID | None = None
    instances: int = 0
    """At the source."""
    kept: int = 0
    failed: int = 0
    updated: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    reported: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an arrival's history."""

    time: datetime
    state: ArrivalState
    text: str
    """How it came to be known, or what stood in the way; may be empty."""


@dataclass(frozen=True, slots=True)
class ArrivalRecord:
    """An arrival as operators see it."""

    key: int
    source: str
    source_id: str
    state: ArrivalState
    correlation_id: str
    study: StudyInstanceUID | None
    instances: int
    kept: int
    failed: int
    attempts: int
    created: datetime
    changed: datetime
    due: datetime | None
    """When it is looked at next; with `FETCHING` the end of the lease; None when settled."""
    error: str
    history: Sequence[Step] = ()
    """Oldest first; filled when one arrival is asked for."""


@dataclass(frozen=True, slots=True)
class SourceCursor:
    """How far a source's list of changes was read."""

    source: str
    sequence: int = -1
    """Of the last change that was noted; -1 when none ever was."""
    mark: str = ""
    """What that change said, so that another list under the same address is found out."""
    resync_after: int | None = None
    """How many studies a resync has been through; None when none is under way."""
    resync_force: bool = False
    """It fetches everything again."""
    checked: datetime | None = None
    """When the source answered last."""
    error: str = ""
    """Why it did not, since; empty when it does."""
