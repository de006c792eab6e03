"""A number of bytes of memory that many requests share."""

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
