"""How many connections there is room for, by the setting and by the limit of open files.

A process without a descriptor left cannot accept: the event loop then drops connections without a
word, to us and to the client. So the bound lies below that limit, and what is beyond it hears 503.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final, Self

import structlog
from starlette.types import Receive, Scope, Send

from hilum.ports.http_telemetry import HttpMeter

log = structlog.get_logger()

OPEN_FILES: Final = "open_files"
"""Name of the limit in metrics and log when the limit of open files is the tighter one."""
RETRY_SECONDS: Final = 2
"""What `Retry-After` says (RFC 9110, 10.2.3)."""
FULL_TEXT: Final = "The server has as many connections as it can serve; try again in a moment."
_DRAIN_SECONDS: Final = 2.0
_EXTRA: Final = 32
_KEPT_BACK: Final = 4
"""Descriptors for what is opened for a moment: a folder to flush, a connection to refuse."""
_RELIEF: Final = 0.75


@dataclass(frozen=True, slots=True)
class ConnectionRoom:
    """Connections at once."""

    served: int = 1024
    """So many are served; whatever comes on others is answered 503, but for health checks."""
    open: int | None = None
    """So many are open; others are answered 503 before their request is read. None: any number."""
    limit: str = "http.connections"
    """What sets the bound."""

    @classmethod
    def within(cls, connections: int, descriptors: int) -> Self:
        """Room for `connections`, or less when only `descriptors` may be opened for them.

        A connection that is served needs two: its own, and that of the object it stores or reads.
        """
        usable = max(descriptors - _KEPT_BACK, 3)
        extra = min(_EXTRA, usable // 3)
        served = (usable - extra) // 2
        if served >= connections:
            return cls(connections, usable - connections)
        return cls(served, served + extra, OPEN_FILES)


@dataclass(slots=True)
class Crowding:
    """Tells once when connections are refused, and once when that is over."""

    room: ConnectionRoom
    meter: HttpMeter
    _refused: int = field(default=0, init=False)

    def refused(self) -> None:
        """A connection or a request was answered 503 for want of room."""
        self.meter.limited(self.room.limit)
        if not self._refused:
            log.warning("http_connections_full", limit=self.room.limit, served=self.room.served)
        self._refused += 1

    def left(self, connections: int) -> None:
        """A connection ended; so many are left."""
        if self._refused and connections <= self.room.served * _RELIEF:
            log.info("http_connections_free", refused=self._refused)
            self._refused = 0


async def answer_full(_scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI application for a request that there is no room for.

    The body is read for a moment after the answer: a connection that is closed with bytes unread
    is reset, and the client would not see the answer.
    """
    body = FULL_TEXT.encode("ascii")
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % RETRY_SECONDS),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
