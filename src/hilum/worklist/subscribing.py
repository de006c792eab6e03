"""Who is told of which work items (PS3.4 section CC.2.3), and fetching what is to be told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.domain.errors import InvalidRequest
from hilum.domain.identifiers import PartitionKey, parse_uid
from hilum.domain.workitems import (
    FILTERED_SUBSCRIPTION,
    GLOBAL_SUBSCRIPTION,
    NotSuspendable,
    Subscriber,
    WorkitemKey,
    WorkitemNotFound,
)
from hilum.foundation.bell import Bell
from hilum.ports.worklist import WorkitemSubscriptions
from hilum.worklist.reports import state_report

_AE_TITLE: Final = re.compile(r"[ -\[\]-~]{1,16}", re.ASCII)


class InvalidAETitle(InvalidRequest):
    """A text that cannot be an Application Entity title (PS3.5 table 6.2-1)."""

    code = "invalid-ae-title"
    title = "Not an Application Entity title"


def subscriber(partition: PartitionKey, ae_title: str) -> Subscriber:
    """Raises `InvalidAETitle`."""
    name = ae_title.strip()
    if not name or _AE_TITLE.fullmatch(name) is None:
        message = "An AE title has 1 to 16 characters of ASCII, without backslash."
        raise InvalidAETitle(message)
    return Subscriber(partition, name)


@dataclass(frozen=True, slots=True)
class Subscribing:
    """Where `uid` is expected, the two well-known UIDs mean all work items, or a choice of them."""

    store: WorkitemSubscriptions
    news: Bell
    """Rung when there is something to be told."""
    filters: int = 100
    """That one AE title may have at most."""

    async def subscribe(
        self, who: Subscriber, uid: str, keys: Sequence[WorkitemKey], *, lock: bool
    ) -> None:
        """`lock`: keep what ended until it is unsubscribed from. Raises `WorkitemNotFound`.

        `keys` count for a choice alone. Raises `LimitExceeded` for too many of those.
        """
        named = parse_uid(uid, "The UID of the work item")
        if named == GLOBAL_SUBSCRIPTION:
            await self._subscribe_all(who, None, lock=lock)
        elif named == FILTERED_SUBSCRIPTION:
            await self._subscribe_all(who, keys, lock=lock)
        elif not await self.store.subscribe(who, named, lock=lock, initial=state_report):
            raise WorkitemNotFound
        self.news.ring()

    async def unsubscribe(self, who: Subscriber, uid: str) -> None:
        """Raises `WorkitemNotFound`; who was not subscribed to a work item is not afterwards."""
        named = parse_uid(uid, "The UID of the work item")
        if named in {GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION}:
            await self.store.unsubscribe_all(who)
        elif not await self.store.unsubscribe(who, named):
            raise WorkitemNotFound

    async def suspend(self, who: Subscriber, uid: str) -> None:
        """No longer subscribe to what is new. Raises `NotSuspendable`."""
        named = parse_uid(uid, "The UID of the work item")
        if named not in {GLOBAL_SUBSCRIPTION, FILTERED_SUBSCRIPTION}:
            raise NotSuspendable
        await self.store.suspend(who, filtered=named == FILTERED_SUBSCRIPTION)

    async def _subscribe_all(
        self, who: Subscriber, keys: Sequence[WorkitemKey] | None, *, lock: bool
    ) -> None:
        await self.store.subscribe_all(
            who, keys, lock=lock, initial=state_report, most_filters=self.filters
        )
