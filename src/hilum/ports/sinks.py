"""Where events are told: brokers, hooks, files."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol, runtime_checkable

from hilum.domain.events import Event, Rejected, ToldEvent


class EventSink(Protocol):
    """One destination. Opened before the first `send`, closed after the last.

    An outage raises `SinkUnavailable`; nothing is dropped then, the caller sends again later.
    """

    async def open(self) -> None: ...

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        """Hand over `events` in order, those of one key never out of order.

        On return every event is durable at the far side (acks=all, publisher confirms, 2xx, synced
        file) except those returned, which it will never take. Sending an event again is harmless.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class RemembersEvents(Protocol):
    """A sink whose far side can be read back, so that `hilum reconcile` can compare."""

    def told(self, types: Collection[str]) -> AsyncIterator[ToldEvent]:
        """Yield what the far side has of these types until now, those of one key in its order.

        Needs no `open`. Raises `SinkUnavailable`.
        """
        ...
