"""Server-sent events of the feed: each listener pulls at its own pace, so nothing piles up.

A listener that is behind reads the feed from where it is; one that lets a single write wait too
long is cut, and resumes by `Last-Event-ID` where it was.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hilum.delivery.rendering import Locate, Renderer
from hilum.domain.errors import InvalidQuery, LimitExceeded, TooManyReaders
from hilum.foundation.bell import Bell
from hilum.outbound.events.tail import FeedTail
from hilum.outbound.events.writing import Wish, position, written
from hilum.ports.index import FeedReader, InstanceReader

_RETRY: Final = b"retry: 2000\n\n"
Waiting = asyncio.Task[None]
"""Done when the listener has gone."""
_BEAT: Final = b": \n\n"
_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would keep events back to fill its buffer
}


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
        return _EventStream(self, _Listener(wish, feed_id, after, renderer))

    async def chunks(self, listener: "_Listener", gone: Waiting) -> AsyncGenerator[bytes, None]:
        """What is written, until the listener is gone, its time is over, or we shut down."""
        options = self._options
        ends = time.monotonic() + options.lifetime_seconds
        beat = time.monotonic() + options.heartbeat_seconds
        told = after = listener.after
        yield _RETRY
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
                yield position(listener.feed_id, after) if after > told else _BEAT
                told, beat = after, now + options.heartbeat_seconds
            pause = min(options.poll_seconds, beat - now, ends - now)
            await self._rest(rung, max(pause, 0.0), gone)

    async def _rest(self, rung: int, seconds: float, gone: Waiting) -> None:
        """Wait for news, for the listener to go, or for our end."""
        news = asyncio.create_task(self._fed.wait(rung, seconds))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({news, closing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            closing.cancel()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count one listener."""
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    @property
    def slow_seconds(self) -> float:
        return self._options.slow_seconds


class _EventStream(Response):
    """The answer to one listener."""

    def __init__(self, streams: EventStreams, listener: _Listener) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._streams = streams
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        gone = asyncio.create_task(_disconnected(receive))
        try:
            with self._streams.listening():
                await self._stream(send, gone)
        finally:
            gone.cancel()
            if gone.done() and not gone.cancelled():
                gone.exception()  # a request body that stalled: the connection ends anyway

    async def _stream(self, send: Send, gone: Waiting) -> None:
        slow = self._streams.slow_seconds
        async with aclosing(self._streams.chunks(self._listener, gone)) as chunks:
            async for chunk in chunks:
                try:
                    async with asyncio.timeout(slow):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    what = "The listener took no byte for too long"
                    raise LimitExceeded("events.slow_seconds", int(slow), what) from None
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
