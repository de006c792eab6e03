"""The memory of what sources offered: survives crashes, shared by all processes of a database.

All of it raises `ArchiveUnavailable` when the database cannot be used; nothing is half noted then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from hilum.domain.arrivals import (
    ArrivalRecord,
    ArrivalState,
    Claimed,
    Noted,
    Seen,
    Settlement,
    SourceCursor,
)


class ArrivalNotes(Protocol):
    """Where doors write down what there is to fetch."""

    async def note(self, seen: Sequence[Seen]) -> Sequence[Noted | None]:
        """Remember each; durable on return, and the same again changes nothing.

        What waits already goes on waiting under its first correlation id, and is due at the earlier
        time. What is being fetched is visited once more afterwards. What was settled waits anew;
        except that it is None, and nothing happens, when `updated` says that it is held as it is.
        """
        ...


class ArrivalWork(Protocol):
    """Hands arrivals to workers, each to one at a time."""

    async def claim(
        self, worker: str, sources: Sequence[str], limit: int, until: datetime
    ) -> Sequence[Claimed]:
        """Take up to `limit` arrivals of `sources` that are due, those longest due first.

        `until` is the end of the lease: an arrival that was neither renewed nor settled by then,
        because its worker died, can be claimed again.
        """
        ...

    async def renew(self, worker: str, keys: Sequence[int], until: datetime) -> Sequence[int]:
        """Extend leases; return the keys that are still this worker's."""
        ...

    async def settle(self, worker: str, key: int, settlement: Settlement) -> bool:
        """End a visit. False, and nothing changes, when the lease was lost to another worker.

        When somebody spoke of the arrival during the visit, it waits anew at once.
        """
        ...

    async def abandon(self, worker: str | None) -> None:
        """End the leases of `worker`, and its right to follow sources; of None: everybody's.

        For a worker that ends, and for one that knows that all others are dead.
        """
        ...


class ArrivalList(Protocol):
    """What operators ask."""

    async def arrival(self, key: int) -> ArrivalRecord | None:
        """One arrival with its history."""
        ...

    async def arrivals(
        self,
        *,
        state: ArrivalState | None = None,
        source: str | None = None,
        source_id: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[ArrivalRecord]:
        """Arrivals, newest first, with keys below `before`; without their histories."""
        ...

    async def arrival_counts(self) -> Mapping[str, Mapping[ArrivalState, int]]:
        """How many there are, by source and state."""
        ...


class SourceCursors(Protocol):
    """How far each source was read; one process at a time follows a source."""

    async def follow(self, source: str, worker: str, until: datetime) -> SourceCursor | None:
        """Take or keep the right to follow a source; None while another process has it."""
        ...

    async def advance(self, cursor: SourceCursor, worker: str, seen: Sequence[Seen] = ()) -> bool:
        """Note `seen` and save the cursor in one step; False, with nothing done, without the right.

        Of a resync that an operator asked for meanwhile nothing is lost.
        """
        ...

    async def ask_resync(self, source: str, *, force: bool) -> None:
        """Have whoever follows the source go through all of it."""
        ...

    async def cursors(self) -> Sequence[SourceCursor]: ...
