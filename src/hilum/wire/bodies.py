"""Responses whose bodies are bytes at hand or a stream of them, sent without copies."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_SENT_TOGETHER_BYTES: Final = 64 * 1024
"""Bodies up to this size are joined: one copy is cheaper than two more sends."""


class BytesResponse(Response):
    """A body in pieces that are all at hand; Content-Length is set."""

    def __init__(
        self, pieces: Sequence[bytes], headers: Mapping[str, str], status_code: int = 200
    ) -> None:
        size = sum(map(len, pieces))
        super().__init__(status_code=status_code, headers={**headers, "content-length": str(size)})
        self._pieces = [b"".join(pieces)] if size <= _SENT_TOGETHER_BYTES else pieces

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send(_start(self))
        last = len(self._pieces) - 1
        for position, piece in enumerate(self._pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": position < last})


class StreamedResponse(Response):
    """A body that is made while it is sent.

    An error in the middle goes on to the server, which closes the connection before the body is
    complete: the client sees that it is not whole. Nothing more is made once the client has gone.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        *,
        first: bytes = b"",
        status_code: int = 200,
        length: int | None = None,
    ) -> None:
        """`first` was taken from `chunks` already, so that an early error got an honest status."""
        super().__init__(status_code=status_code, headers=headers)
        self._first = first
        self._chunks = chunks
        if length is None:
            del self.headers["content-length"]  # sent with chunked transfer coding
        else:
            self.headers["content-length"] = str(length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await send(_start(self))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        gone = asyncio.create_task(_disconnected(receive))
        try:
            async with aclosing(self._chunks) as chunks:
                await send(_start(self))
                if self._first:
                    await send(
                        {"type": "http.response.body", "body": self._first, "more_body": True}
                    )
                async for chunk in chunks:
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            gone.cancel()
            if gone.done() and not gone.cancelled():
                gone.exception()  # a request body that stalled: the connection ends anyway


def _start(response: Response) -> Message:
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
