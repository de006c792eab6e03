"""Server-sent events of the feed: each listener pulls at its own pace, so nothing piles up.

A listener that is behind reads the feed from where it is; one that lets a single write wait too
long is cut, and resumes by `Last-Event-ID` where it was.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from hilum.delivery.rendering import Locate, Renderer
from hilum.domain.errors import InvalidQuery, TooManyReaders
from hilum.foundation.bell import Bell
from hilum.outbound.events.tail import FeedTail
from hilum.outbound.events.writing import Wish, position, written
from hilum.ports.index import FeedReader, InstanceReader
from hilum.wire.event_stream import BEAT, RETRY, EventStream, Gone, rest


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Plain values; defaults as in the settings."""

    clients: int = 100
    heartbeat_seconds: float = 15.0
    slow_seconds: float = 20.0
    lifetime_seconds: float = 3600.0
    keep_entries: int = 2000
    poll_seconds: float = 1.0
    listed_instances: int = 1000


@dataclass(frozen=True, slots=True)
class _Listener:
    """What one listener is told, from where on."""

    wish: Wish
    feed_id: str
    after: int
    renderer: Renderer


class EventStreams:
    """All listeners of this process."""

    def __init__(
        self,
        feed: FeedReader,
        instances: InstanceReader,
        last: Callable[[], Awaitable[int]],
        fed: Bell,
        locate: Locate,
        options: StreamOptions,
    ) -> None:
        self._feed = feed
        self._instances = instances
        self._last = last
        self._fed = fed
        self._locate = locate
        self._options = options
        self._tail = FeedTail(
            feed, fed, keep_entries=options.keep_entries, poll_seconds=options.poll_seconds
        )
        self._closing = asyncio.Event()
        self.open = 0
        """How many listen."""

    def close(self) -> None:
        """End all streams, so that a shutdown need not wait for them."""
        self._closing.set()

    async def answer(self, wish: Wish) -> Response:
        """The stream. Raises `TooManyReaders`, and `InvalidQuery` for a place behind the end."""
        if self.open >= self._options.clients:
            limit, allowed = "events.clients", self._options.clients
            raise TooManyReaders(limit, allowed, "As many listen as are allowed")
        feed_id = await self._feed.feed_id()
        last = await self._last()
        after = last if wish.after is None else wish.after
        if wish.feed_id not in {None, feed_id}:
            after = 0  # a position in a feed that is no more: this one announces everything anew
        if after > last:
            last = await self._last()  # what came since we asked
        if after > last:
            name = "after" if wish.feed_id is None else "Last-Event-ID"
            raise InvalidQuery(name, f"the feed ends at {last}")
        self._tail.begin(last)
        listed = self._options.listed_instances
        renderer = Renderer(feed_id, self._instances, self._locate, listed)
        listener = _Listener(wish, feed_id, after, renderer)
        return EventStream(
            partial(self._told, listener), self._listening, self._options.slow_seconds
        )

    async def _told(self, listener: "_Listener", gone: Gone) -> AsyncGenerator[bytes, None]:
        """What is written, until the listener is gone, its time is over, or we shut down."""
        options = self._options
        ends = time.monotonic() + options.lifetime_seconds
        beat = time.monotonic() + options.heartbeat_seconds
        told = after = listener.after
        yield RETRY
        while not (gone.done() or self._closing.is_set() or time.monotonic() >= ends):
            rung = self._fed.rung
            page = await self._tail.after(after)
            async for chunk, done in written(
                page, listener.wish, listener.feed_id, listener.renderer
            ):
                told = done
                yield chunk
                beat = time.monotonic() + options.heartbeat_seconds
            if page:
                after = page[-1].sequence
                continue
            now = time.monotonic()
            if now >= beat:
                # An id alone is no event, but moves the position past what was not wanted.
                yield position(listener.feed_id, after) if after > told else BEAT
                told, beat = after, now + options.heartbeat_seconds
            pause = min(options.poll_seconds, beat - now, ends - now)
            await rest(self._fed.wait(rung, max(pause, 0.0)), self._closing, gone)

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Count one listener."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
