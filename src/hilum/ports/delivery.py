"""What delivery remembers: cursors, dead letters, studies that come to rest, leases.

Each call is one transaction, durable on return. An outage raises `ArchiveUnavailable`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hilum.domain.delivery import (
    DeadLetter,
    EventFilter,
    LetterOrigin,
    LetterState,
    Subscription,
)
from hilum.domain.identifiers import PartitionKey, StudyInstanceUID
from hilum.domain.records import FeedEntry


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a follower is, to be saved under its epoch."""

    name: str
    epoch: int
    cursor: int
    sent: int = 0
    """Since the last save."""


class Subscriptions(Protocol):
    """Followers by name."""

    async def declare(
        self, name: str, sink: str, wanted: EventFilter, *, from_now: bool
    ) -> Subscription:
        """Make the follower, at the start or at the end of the feed, or change sink and filter.

        One whose cursor counts in another feed begins at the start of this one.
        """
        ...

    async def take(self, name: str) -> Subscription:
        """Become the one that moves the cursor: whoever did so before cannot save any more."""
        ...

    async def get(self, name: str) -> Subscription | None: ...

    async def list(self) -> Sequence[Subscription]: ...

    async def save(self, progress: Progress) -> bool:
        """Move the cursor and forget failed attempts; False, and nothing, when taken over."""
        ...

    async def fail(self, name: str, error: str, attempts: int, again: datetime) -> None:
        """Note that sending fails, and when it is tried again."""
        ...

    async def reject(self, progress: Progress, letters: Sequence[DeadLetter]) -> bool:
        """File dead letters and move the cursor past them in one step; False when taken over.

        A letter that was filed before (same subscription and event) gets its attempts counted up.
        """
        ...

    async def pause(self, name: str) -> bool:
        """Its follower sees it, saves its cursor and rests; False when there is none."""
        ...

    async def resume(self, name: str) -> bool:
        """Go on; one that waits for its sink forgets its next attempt and tries at once."""
        ...

    async def replay(self, name: str, after: int) -> bool:
        """Put the cursor at `after`, so that everything above is told again."""
        ...

    async def remove(self, name: str) -> bool:
        """Forget a follower that is not declared any more; its dead letters stay."""
        ...


@dataclass(frozen=True, slots=True)
class LetterQuery:
    """Which dead letters; None means any."""

    origin: LetterOrigin | None = None
    subject: str | None = None
    state: LetterState | None = None
    cause: str | None = None
    keys: Sequence[int] | None = None
    uncopied: bool = False
    """Only those whose copy was not told yet."""
    target: str | None = None


class DeadLetters(Protocol):
    """What could not be delivered or ingested."""

    async def list(self, query: LetterQuery, after: int, limit: int) -> Sequence[DeadLetter]:
        """One page in the order of their keys, above `after`, without bodies."""
        ...

    async def get(self, key: int) -> DeadLetter | None:
        """The whole letter, with its body."""
        ...

    async def decide(
        self, query: LetterQuery, state: LetterState, *, reason: str = "", target: str = ""
    ) -> int:
        """Replay, redirect or discard those of `query` that are open; how many there were."""
        ...

    async def settle(
        self, key: int, state: LetterState, cause: str = "", message: str = ""
    ) -> None:
        """Say how a try ended: REPLAYED, REDIRECTED, or OPEN again with the new cause."""
        ...

    async def copied(self, keys: Sequence[int]) -> None:
        """Their copies were told, or given up."""
        ...

    async def counts(self) -> Mapping[tuple[LetterOrigin, str, LetterState, str], int]:
        """How many there are by origin, subject, state and cause."""
        ...


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long nothing may come before a study counts as stable, in seconds."""

    usual: float = 60.0
    by_modality: tuple[tuple[str, float], ...] = ()
    announced_by_source: float = 600.0
    """When a source said that it will say so, and does not."""


@dataclass(frozen=True, slots=True)
class DueStudy:
    """A study that seems to be at rest."""

    partition: PartitionKey
    study: StudyInstanceUID
    because: str
    correlation_id: str
    last_change: datetime
    quiet_seconds: float


class StudyWatches(Protocol):
    """Studies that were touched."""

    async def note(self, entries: Sequence[FeedEntry], progress: Progress, quiet: Quiet) -> bool:
        """Take in a page of the feed and move the cursor; False, and nothing, when taken over."""
        ...

    async def due(self, limit: int, quiet: Quiet) -> Sequence[DueStudy]: ...

    async def announce(self, due: DueStudy) -> bool:
        """Announce it as stable unless something changed since; False when nothing was to say."""
        ...

    async def waiting(self) -> int:
        """How many studies have yet to come to rest."""
        ...


class Leases(Protocol):
    """Of several processes on one database, one does what only one may do."""

    async def hold(self, names: Sequence[str], holder: str, seconds: float) -> Sequence[str]:
        """Take or renew the leases that are free, expired or ours; which of `names` are ours."""
        ...

    async def release(self, holder: str) -> None: ...

    async def holder(self, name: str) -> str | None:
        """Who has the lease now; None when nobody has, or no longer."""
        ...


class DeliveryStore(Protocol):
    """All of it, in the database of the feed."""

    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def letters(self) -> DeadLetters: ...
    @property
    def watches(self) -> StudyWatches: ...
    @property
    def leases(self) -> Leases: ...

    async def origins(self, versions: Sequence[int]) -> Mapping[int, tuple[str, str, str]]:
        """Door, peer and modality of these versions of instances; those deleted are left out."""
        ...

    async def last_sequence(self) -> int:
        """The last sequence of the feed that a reader may see; 0 when it is empty."""
        ...
