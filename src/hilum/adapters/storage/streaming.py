"""Reading a file in chunks with one chunk read ahead, in threads."""

import asyncio
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from hilum.adapters.storage.faults import archive_fault
from hilum.domain.errors import ArchiveUnavailable, ObjectMissing


async def stream_file(
    path: str, pool: ThreadPoolExecutor, chunk_bytes: int, *, offset: int, length: int | None
) -> AsyncIterator[bytes]:
    """Yield up to `length` bytes from `offset`; two chunks are in memory at most.

    Raises `ObjectMissing` at the first chunk, and `ArchiveUnavailable` when the file ends before
    the length it had when it was opened.
    """
    loop = asyncio.get_running_loop()
    fd, size = await _opened(loop.run_in_executor(pool, _open, path))
    position, end = offset, size if length is None else min(size, offset + length)
    ahead: asyncio.Future[bytes] | None = None

    def read_ahead() -> "asyncio.Future[bytes]":
        count = min(chunk_bytes, end - position)
        return loop.run_in_executor(pool, os.pread, fd, count, position)

    try:
        ahead = read_ahead() if position < end else None
        while ahead is not None:
            chunk = await _read(ahead)
            position += len(chunk)
            ahead = read_ahead() if position < end else None
            yield chunk
    finally:
        _close_after(fd, ahead)


async def _opened(opening: "asyncio.Future[tuple[int, int]]") -> tuple[int, int]:
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread goes on and opens a file that nobody waits for.
        opening.add_done_callback(_close_opened)
        raise
    except OSError as error:
        raise archive_fault(error, "reading an object") from error


async def _read(reading: "asyncio.Future[bytes]") -> bytes:
    try:
        chunk = await asyncio.shield(reading)
    except OSError as error:
        raise archive_fault(error, "reading an object") from error
    if not chunk:
        raise ArchiveUnavailable("A stored object ended before its length.")
    return chunk


def _close_after(fd: int, reading: "asyncio.Future[bytes] | None") -> None:
    """Close once no thread reads: the number of a closed descriptor is given away at once."""

    def close(done: "asyncio.Future[bytes]") -> None:
        if not done.cancelled():
            done.exception()  # nobody else asks
        os.close(fd)

    if reading is None:
        os.close(fd)
    else:
        reading.add_done_callback(close)


def _close_opened(opening: "asyncio.Future[tuple[int, int]]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result()[0])


def _open(path: str) -> tuple[int, int]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ObjectMissing("The archive does not hold an object its index names.") from error
    return fd, os.fstat(fd).st_size
