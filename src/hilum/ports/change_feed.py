"""The feed as readers outside ask for it: by position, and by time.

Positions are numbers without gaps, in the order in which entries appear; the time of an entry is
never less than that of the one before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hilum.domain.identifiers import InstanceUIDs
from hilum.domain.records import FeedKind, MetadataRecord


class ChangeState(StrEnum):
    """What the version that an entry is about is now."""

    CURRENT = "current"
    """The instance is held in this version."""
    REPLACED = "replaced"
    """The instance is held in another version."""
    DELETED = "deleted"
    """The instance is not held, whichever version is asked about."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry about an instance, and what became of it until it was read."""

    position: int
    time: datetime
    partition_name: str
    uids: InstanceUIDs
    kind: FeedKind
    state: ChangeState
    instance_key: int | None
    """Row key of the instance that is held now under these UIDs."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on and before `end`, in microseconds since 1970; None: no bound."""

    start: int | None = None
    end: int | None = None


class ChangeFeed(Protocol):
    """Reads entries about instances. Raises `ArchiveFault`, as all questions do."""

    async def after(self, position: int, limit: int) -> Sequence[Change]:
        """Those that follow a position, in order."""
        ...

    async def within(self, window: Window, offset: int, limit: int) -> Sequence[Change]:
        """Those of a window, in order, after the first `offset` of them.

        A window that ends now or earlier is complete: what commits later lies behind it.
        """
        ...

    async def latest(self) -> Change | None: ...

    async def metadata(
        self, keys: Sequence[int], limit_bytes: int | None = None
    ) -> Sequence[MetadataRecord]:
        """Of instances by row key, by ascending key, until the texts reach `limit_bytes`."""
        ...
