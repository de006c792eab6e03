"""What listeners are told, and how it is written (the event stream format of WHATWG HTML)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hilum.delivery.rendering import INSTANCE_TYPES, Renderer, types_of
from hilum.domain.delivery import EventFilter
from hilum.domain.events import Event
from hilum.domain.records import FeedEntry

log = structlog.get_logger()

_CHUNK_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What a listener wants."""

    types: EventFilter
    studies: frozenset[str]
    """Empty: all."""
    feed_id: str | None
    """Of the position given; None: of this feed, whatever it is called."""
    after: int | None
    """None: from now on."""

    def wants(self, entry: FeedEntry) -> Sequence[str]:
        """The types of events by which `entry` is told."""
        if self.studies and entry.uids.study not in self.studies:
            return ()
        return [each for each in types_of(entry.kind) if self.types.wants_type(each)]


async def written(
    page: Sequence[FeedEntry], wish: Wish, feed_id: str, renderer: Renderer
) -> AsyncIterator[tuple[bytes, int]]:
    """Events of a page, joined to chunks, each with the sequence up to which it tells."""
    parts: list[bytes] = []
    size = 0
    for entry in page:
        events = [await _rendered(entry, each, renderer) for each in wish.wants(entry)]
        found = [event for event in events if event is not None]
        for number, event in enumerate(found, 1):
            # The position moves on when the last event of an entry was told, not before.
            parts.append(_text(event, feed_id if number == len(found) else None))
            size += len(parts[-1])
        if size >= _CHUNK_BYTES:
            yield b"".join(parts), entry.sequence
            parts, size = [], 0
    if parts:
        yield b"".join(parts), page[-1].sequence


async def _rendered(entry: FeedEntry, event_type: str, renderer: Renderer) -> Event | None:
    if entry.kind in INSTANCE_TYPES:
        return renderer.instance(entry)
    try:
        return await renderer.fact(entry, event_type)
    except (ValueError, KeyError) as error:
        kind = type(error).__name__
        log.warning("event_not_rendered", sequence=entry.sequence, reason=kind)
        return None


def _text(event: Event, feed_id: str | None) -> bytes:
    """`data` is one line: JSON as it is rendered here has no line feed."""
    head = b"" if feed_id is None else f"id: {feed_id}:{event.sequence}\n".encode()
    return b"%bevent: %b\ndata: %b\n\n" % (head, event.type.encode(), event.body)


def position(feed_id: str, sequence: int) -> bytes:
    """An id alone: no event, but a reconnecting client begins behind it."""
    return f"id: {feed_id}:{sequence}\n\n".encode()
