"""A number of bytes of memory that many requests share."""

import asyncio
from collections import deque
from contextlib import suppress


class MemoryBudget:
    """Counts bytes that are held; used from one event loop.

    Who can do without memory asks with `try_reserve`, who cannot waits with `reserve`. Those who
    wait are served in order of arrival, and before anybody who only tries.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held_bytes(self) -> int:
        """Bytes that are reserved now."""
        return self._held_bytes

    def try_reserve(self, size_bytes: int) -> bool:
        """Take the bytes if they are to be had now."""
        if self._waiting or self._held_bytes + size_bytes > self._size_bytes:
            return False
        self._held_bytes += size_bytes
        return True

    async def reserve(self, size_bytes: int) -> None:
        """Wait for the bytes; may be cancelled. More than the whole budget waits to be alone."""
        if not self._waiting and self._fits(size_bytes):
            self._held_bytes += size_bytes
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release(size_bytes)
            else:
                # It is out of the queue already when somebody released between cancel and now.
                with suppress(ValueError):
                    self._waiting.remove((size_bytes, place))
                self._serve()
            raise

    def release(self, size_bytes: int) -> None:
        """Give bytes back, all of a reservation or a part of it."""
        self._held_bytes -= size_bytes
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, place = self._waiting.popleft()
            if not place.done():
                self._held_bytes += size_bytes
                place.set_result(None)

    def _fits(self, size_bytes: int) -> bool:
        return not self._held_bytes or self._held_bytes + size_bytes <= self._size_bytes
