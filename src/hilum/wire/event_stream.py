"""Answers that go on: server-sent events (the event stream format of WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractContextManager, aclosing
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hilum.domain.errors import LimitExceeded

EVENT_STREAM: Final = "text/event-stream"
RETRY: Final = b"retry: 2000\n\n"
"""How long a client waits before it comes back."""
BEAT: Final = b": \n\n"
"""A sign of life that is no event."""
Gone = asyncio.Task[None]
"""Done when the listener has gone."""
_HEADERS: Final = {
    "content-type": f"{EVENT_STREAM}; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would keep events back to fill its buffer
}


class EventStream(Response):
    """The answer to one listener."""

    def __init__(
        self,
        chunks: Callable[[Gone], AsyncGenerator[bytes, None]],
        listening: Callable[[], AbstractContextManager[None]],
        slow_seconds: float,
    ) -> None:
        """`chunks` is what is written; `listening` is entered while there is a listener.

        A listener that takes no byte for `slow_seconds` is cut with `LimitExceeded`.
        """
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._chunks = chunks
        self._listening = listening
        self._slow_seconds = slow_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        gone = asyncio.create_task(_disconnected(receive))
        try:
            with self._listening():
                await self._stream(send, gone)
        finally:
            gone.cancel()
            if gone.done() and not gone.cancelled():
                gone.exception()  # a request body that stalled: the connection ends anyway

    async def _stream(self, send: Send, gone: Gone) -> None:
        slow = self._slow_seconds
        async with aclosing(self._chunks(gone)) as chunks:
            async for chunk in chunks:
                try:
                    async with asyncio.timeout(slow):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    what = "The listener took no byte for too long"
                    raise LimitExceeded("events.slow_seconds", int(slow), what) from None
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def rest(news: Coroutine[Any, Any, None], closing: asyncio.Event, gone: Gone) -> None:
    """Wait for news, for the listener to go, or for our end."""
    told = asyncio.create_task(news)
    ending = asyncio.create_task(closing.wait())
    try:
        await asyncio.wait({told, ending, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        ending.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
