"""The head of an answer goes out together with the first bytes of its body.

uvicorn writes them one after the other, which is two system calls, two packets, and two times that
the client is woken. A body that does not follow in the same turn of the event loop is not waited
for: the head of an event stream goes out at once.
"""

import asyncio


class JoinedWrites:
    """What an answer needs of a transport. For one answer."""

    __slots__ = ("_begun", "_flushing", "_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._begun = False
        self._head = b""
        self._flushing: asyncio.Handle | None = None

    def write(self, data: bytes) -> None:
        """Hold what comes first, and send it with what comes next."""
        if not self._begun:
            self._begun = True
            self._head = data
            self._flushing = self._loop.call_soon(self._flush)
        elif self._head:
            self._transport.writelines((self._taken(), data))
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close once everything is sent."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """True when nothing can be sent any more."""
        return self._transport.is_closing()

    def _taken(self) -> bytes:
        head, self._head = self._head, b""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        return head

    def _flush(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._taken())
