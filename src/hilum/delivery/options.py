"""Bounds and waits of delivery; defaults as in the settings."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hilum.domain.delivery import EventFilter
from hilum.ports.delivery import Quiet


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """Of each follower."""

    page_entries: int = 1000
    """Read from the feed at once."""
    batch_events: int = 500
    batch_bytes: int = 4 << 20
    """Handed to the sink at once; one event may be larger."""
    poll_seconds: float = 1.0
    """How often it looks for what other processes did: entries, commands."""
    cursor_seconds: float = 0.25
    """How often a cursor that moves is saved; a crash repeats what was sent since."""
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 30.0
    attempts: int = 5
    """After so many errors that are no outage each event of a batch is tried alone, as often."""
    copy_letters: bool = True
    copy_bytes: int = 256 << 10
    listed_instances: int = 1000


@dataclass(frozen=True, slots=True)
class StableOptions:
    """Of the follower that watches studies come to rest."""

    quiet: Quiet = field(default_factory=Quiet)
    page_entries: int = 1000
    poll_seconds: float = 1.0
    note_seconds: float = 0.5
    """Shortest time between two pages that are not full: each is a transaction."""
    announced_at_once: int = 100


@dataclass(frozen=True, slots=True)
class Declared:
    """A subscription as the settings say it."""

    name: str
    sink: str
    wanted: EventFilter = field(default_factory=EventFilter)
    from_now: bool = False
    rest_seconds: float = 0.0
    """Shortest time between two looks at the feed, for who is wanted seldom and in no hurry: a
    look at each commit costs those who store."""


@dataclass(slots=True)
class Backoff:
    """Pauses that double up to a longest one, each shortened by chance by up to a half.

    Chance keeps processes that lost one broker from coming back all at once.
    """

    first_seconds: float
    longest_seconds: float
    chance: Callable[[], float] = random.random
    failures: int = 0

    def next(self) -> float:
        """Count a failure and say how long to pause."""
        exponent = min(self.failures, 32)
        self.failures += 1
        pause = min(self.longest_seconds, self.first_seconds * 2.0**exponent)
        return pause * (1 - self.chance() / 2)

    def reset(self) -> None:
        self.failures = 0
