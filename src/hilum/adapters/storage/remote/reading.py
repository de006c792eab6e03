"""Streaming an object by ranges, a bounded number of them read ahead.

Each range is a request of its own: a slow reader at the other end keeps no connection open, and a
connection that breaks costs one range, not the stream.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from hilum.domain.errors import ArchiveUnavailable
from hilum.foundation import tasks

ReadsRange = Callable[[int, int], Awaitable[tuple[bytes, int]]]
"""Reads up to so many bytes from an offset; also returns the size of the whole object."""

_SHORT: Final = "A stored object ended before its length."


async def stream_ranges(
    read: ReadsRange, chunk_bytes: int, ahead: int, *, offset: int, length: int | None
) -> AsyncIterator[bytes]:
    """Yield up to `length` bytes from `offset`; `ahead + 1` chunks are in memory at most.

    Raises what `read` raises, and `ArchiveUnavailable` when the object ends early.
    """
    wanted = chunk_bytes if length is None else min(chunk_bytes, length)
    first, size = await read(offset, wanted)
    end = size if length is None else min(size, offset + length)
    _demand(first, min(wanted, max(0, end - offset)))
    following = iter(range(offset + len(first), end, chunk_bytes))
    reading: deque[tuple[asyncio.Task[tuple[bytes, int]], int]] = deque()

    def read_ahead() -> None:
        while len(reading) < ahead and (at := next(following, None)) is not None:
            count = min(chunk_bytes, end - at)
            reading.append((asyncio.ensure_future(_task(read, at, count)), count))

    try:
        read_ahead()
        if first:
            yield first
        while reading:
            task, count = reading.popleft()
            try:
                chunk, _ = await task
            except BaseException:
                reading.append((task, count))
                raise
            _demand(chunk, count)
            read_ahead()
            yield chunk
    finally:
        await tasks.end(*(task for task, _ in reading))


async def _task(read: ReadsRange, offset: int, length: int) -> tuple[bytes, int]:
    return await read(offset, length)


def _demand(chunk: bytes, expected: int) -> None:
    if len(chunk) != expected:
        raise ArchiveUnavailable(_SHORT)
