"""Followers of the feed and what they could not deliver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from hilum.domain.identifiers import PartitionKey

NO_SINK: Final = ""
"""Sink of a follower inside the process, which tells nobody."""


class SubscriptionState(StrEnum):
    """Whether a follower goes on."""

    RUNNING = "running"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What of the feed a subscription wants; an empty part wants everything."""

    types: tuple[str, ...] = ()
    """Event types, where `*` is any run of characters: `hilum.instance.*`."""
    partitions: tuple[PartitionKey, ...] = ()
    modalities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    """Names of sources, or doors such as `stow`."""

    def wants_type(self, event_type: str) -> bool:
        return not self.types or any(fnmatchcase(event_type, each) for each in self.types)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A named follower of the feed and how far it is."""

    name: str
    sink: str
    filter: EventFilter
    state: SubscriptionState
    feed_id: str
    cursor: int
    """The last sequence it is done with."""
    epoch: int
    """Grows when somebody moves the cursor or takes over; who holds an older one is out."""
    sent: int
    rejected: int
    attempts: int
    """Failed in a row; 0 when all is well."""
    next_attempt: datetime | None
    last_error: str | None
    created: datetime
    changed: datetime


class LetterOrigin(StrEnum):
    """Which way the dead letter was going."""

    SUBSCRIPTION = "subscription"
    INGESTION = "ingestion"


class LetterState(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    REPLAYING = "replaying"
    """Somebody asked for another try; whoever sends it will."""
    REPLAYED = "replayed"
    REDIRECTING = "redirecting"
    REDIRECTED = "redirected"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something that could not be delivered or ingested, with all that another try needs."""

    key: int
    origin: LetterOrigin
    subject: str
    """Name of the subscription, or of the source."""
    sequence: int
    """Of the feed entry; 0 for an ingestion."""
    event_id: str
    """Of the event; for an ingestion what the source calls it."""
    event_type: str
    event_key: str
    correlation_id: str
    cause: str
    """A word for grouping."""
    message: str
    attempts: int
    first_failed: datetime
    last_failed: datetime
    state: LetterState = LetterState.OPEN
    target: str = ""
    """Name of the subscription it is redirected to."""
    reason: str = ""
    """Why somebody decided so."""
    copied: datetime | None = None
    """When its copy was told, or given up."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    """What would have been sent; may hold patient data."""
