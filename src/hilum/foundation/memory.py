"""A number of bytes of memory that many requests share."""

import asyncio

from hilum.foundation.turns import Turns


class MemoryBudget:
    """Counts bytes that are held; used from one event loop.

    Who can do without memory asks with `try_reserve`, who cannot waits with `reserve`. Those who
    wait are served in order of arrival, and before anybody who only tries.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._held_bytes = 0
        self._turns = Turns(self._take, self.release)

    @property
    def held_bytes(self) -> int:
        """Bytes that are reserved now."""
        return self._held_bytes

    def try_reserve(self, size_bytes: int) -> bool:
        """Take the bytes if they are to be had now."""
        if self._turns.waiting or self._held_bytes + size_bytes > self._size_bytes:
            return False
        self._held_bytes += size_bytes
        return True

    async def reserve(self, size_bytes: int) -> None:
        """Wait for the bytes; may be cancelled. More than the whole budget waits to be alone."""
        await self._turns.wait(size_bytes)

    def release(self, size_bytes: int) -> None:
        """Give bytes back, all of a reservation or a part of it."""
        self._held_bytes -= size_bytes
        self._turns.serve()

    def _take(self, size_bytes: int) -> bool:
        if self._held_bytes and self._held_bytes + size_bytes > self._size_bytes:
            return False
        self._held_bytes += size_bytes
        return True


class HeldMemory:
    """Bytes of a budget, held until they are released or nobody has this object any more.

    A stream that was never begun ends without a word to it: then going away releases.
    """

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._loop = asyncio.get_running_loop()
        self._size_bytes = 0

    async def reserve(self, size_bytes: int) -> None:
        """Wait for the bytes; once only."""
        await self._budget.reserve(size_bytes)
        self._size_bytes = size_bytes

    def shrink(self, size_bytes: int) -> None:
        """Give back all above `size_bytes`."""
        before, self._size_bytes = self._size_bytes, min(size_bytes, self._size_bytes)
        self._budget.release(before - self._size_bytes)

    def release(self) -> None:
        """Give back all."""
        self.shrink(0)

    def __del__(self) -> None:
        if self._size_bytes and not self._loop.is_closed():
            # The collector runs in any thread.
            self._loop.call_soon_threadsafe(self._budget.release, self._size_bytes)
