"""Answers any part of which can be had by itself, sent whole or piece by piece."""

from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

from fastapi import Request, Response

from hilum.wire.bodies import BytesResponse, StreamedResponse
from hilum.wire.byte_ranges import requested_range

JOINED_BYTES: Final = 4 << 20
"""Bodies up to this size are read before they are sent, which is faster."""


class Cut(NamedTuple):
    """What of a body goes out, and the status that says so."""

    start: int
    stop: int | None
    """None: up to an end that is not known before it is made."""
    status: int

    @property
    def size_bytes(self) -> int | None:
        """Bytes that go out."""
        return None if self.stop is None else self.stop - self.start


def cut(request: Request, headers: dict[str, str], length: int | None) -> Cut:
    """Return the part of a body of `length` bytes that is asked for, and say in `headers` which.

    `headers` have the strong ETag. Raises `RangeNotSatisfiable`.
    """
    if length is None:
        return Cut(0, None, 200)
    headers["accept-ranges"] = "bytes"
    asked = request.headers
    part = requested_range(asked.get("range"), asked.get("if-range"), headers["etag"], length)
    if part is None:
        return Cut(0, length, 200)
    headers["content-range"] = part.content_range(length)
    return Cut(*part, 206)


async def sent(
    request: Request,
    chunks: AsyncGenerator[bytes, None],
    headers: dict[str, str],
    status: int,
    size: int | None,
) -> Response:
    """Send `chunks`, `size` bytes together: joined when they are few, else as they are made.

    Raises what the first of them raises.
    """
    if request.method == "HEAD":
        return StreamedResponse(chunks, headers, status_code=status, length=size)
    if size is not None and size <= JOINED_BYTES:
        return BytesResponse([chunk async for chunk in chunks], headers, status)
    # The first piece is read before the answer begins: a missing object is an error then.
    first = await anext(chunks, b"")
    return StreamedResponse(chunks, headers, first=first, status_code=status, length=size)
