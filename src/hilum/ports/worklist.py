"""The memory of work items, of who subscribed to them, and of what each is still to be told.

Each call is one transaction, durable on return; an outage raises `ArchiveUnavailable`. Any number
of processes may share it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hilum.domain.identifiers import UID, PartitionKey
from hilum.domain.workitems import (
    Subscriber,
    Workitem,
    WorkitemDataset,
    WorkitemEvent,
    WorkitemKey,
    WorkitemQuery,
    WorkitemReport,
    WorkitemState,
)


@dataclass(frozen=True, slots=True)
class WorkitemContent:
    """What is written of a work item, with what is searched in it."""

    state: WorkitemState
    transaction: str | None
    dataset: WorkitemDataset
    values: Sequence[tuple[str, str]]
    """Pairs of `WorkitemKey.path` and folded value."""


class Workitems(Protocol):
    """The work items themselves."""

    async def add(
        self,
        partition: PartitionKey,
        uid: UID,
        content: WorkitemContent,
        reports: Sequence[WorkitemReport],
    ) -> bool:
        """Keep a new one, subscribe to it whoever subscribed globally, and report to them.

        False, and nothing, when there is one with this UID.
        """
        ...

    async def get(self, partition: PartitionKey, uid: UID) -> Workitem | None: ...

    async def replace(
        self, former: Workitem, content: WorkitemContent, reports: Sequence[WorkitemReport]
    ) -> bool:
        """Change one, and report to its subscribers; False, and nothing, if it changed."""
        ...

    async def report(self, workitem: Workitem, reports: Sequence[WorkitemReport]) -> int | None:
        """Report without a change; to how many subscribers. None when it changed meanwhile."""
        ...

    async def search(self, query: WorkitemQuery) -> Sequence[Workitem]: ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Forget up to `limit` that ended before then and that nobody locks; how many went."""
        ...


Initial = Callable[[WorkitemDataset], WorkitemReport]
"""What a new subscriber is told first, made of the state that the subscription begins with."""


class WorkitemSubscriptions(Protocol):
    """Who is to be told of what (PS3.4 table CC.2.3-2)."""

    async def subscribe(self, who: Subscriber, uid: UID, *, lock: bool, initial: Initial) -> bool:
        """To one work item, telling the state it has; False when there is none."""
        ...

    async def unsubscribe(self, who: Subscriber, uid: UID) -> bool:
        """From one work item, of which nothing is to be told any more; False when there is none."""
        ...

    async def subscribe_all(
        self,
        who: Subscriber,
        keys: Sequence[WorkitemKey] | None,
        *,
        lock: bool,
        initial: Initial,
        most_filters: int,
    ) -> None:
        """To all there are and will be, or to those that match `keys`.

        Who was subscribed to one stays so as it was. With `lock` each new subscription begins
        with a report of the state. Raises `LimitExceeded` where there are as many filters already.
        """
        ...

    async def unsubscribe_all(self, who: Subscriber) -> None:
        """From everything."""
        ...

    async def suspend(self, who: Subscriber, *, filtered: bool) -> None:
        """From what is yet to come; what was subscribed to stays."""
        ...


class WorkitemEvents(Protocol):
    """What subscribers have not had yet. Of those who receive for one, the newest counts."""

    async def take_over(self, who: Subscriber, receiver: str) -> None:
        """From now on this receiver alone gets what `who` is told."""
        ...

    async def give_up(self, who: Subscriber, receiver: str) -> None:
        """From now on this receiver gets nothing; what another took over stays its own."""
        ...

    async def pending(
        self, who: Subscriber, receiver: str, limit: int
    ) -> Sequence[WorkitemEvent] | None:
        """What comes next, oldest first; None when another receiver took over."""
        ...

    async def done(self, keys: Sequence[int]) -> None:
        """Forget events that were received."""
        ...

    async def drop_old(self, before: datetime, most: int) -> int:
        """Forget what nobody fetched since then, and beyond `most` for one subscriber."""
        ...


class Worklists(Workitems, WorkitemSubscriptions, WorkitemEvents, Protocol):
    """All of it, over one database."""
