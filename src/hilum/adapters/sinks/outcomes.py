"""How the events of one `send` ended, kept until it returns."""

from collections.abc import Iterable, Sequence

from hilum.domain.events import Event, Rejected


class Outcomes:
    """Of a `send` that failed half way: the call that repeats it skips what has ended."""

    __slots__ = ("_by_id",)

    def __init__(self) -> None:
        self._by_id: dict[str, Rejected | None] = {}

    def note(self, event: Event, rejected: Rejected | None = None) -> None:
        """The far side has the event, or will never take it."""
        self._by_id[event.event_id] = rejected

    def missing(self, events: Iterable[Event]) -> list[Event]:
        """Those that have not ended, in their order."""
        return [each for each in events if each.event_id not in self._by_id]

    def taken(self, events: Iterable[Event]) -> Sequence[Rejected]:
        """The rejected ones among events that have all ended; then everything is forgotten."""
        ended = [self._by_id[each.event_id] for each in events]
        self._by_id.clear()
        return [each for each in ended if each is not None]
