"""How many instances, and how many of their bytes, are in the pipeline at once."""

import asyncio
from collections import deque
from contextlib import suppress


class Admission:
    """Admits in order of arrival. One instance larger than the bound on bytes goes alone."""

    def __init__(self, instances: int, size_bytes: int) -> None:
        self._most_instances = instances
        self._most_bytes = size_bytes
        self._instances = 0
        self._bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def instances(self) -> int:
        """How many are in the pipeline now."""
        return self._instances

    async def enter(self, size_bytes: int) -> None:
        """Wait for a place; may be cancelled."""
        if not self._waiting and self._fits(size_bytes):
            self._take(size_bytes)
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave(size_bytes)
            else:
                # It is out of the queue already when somebody left between cancel and this turn.
                with suppress(ValueError):
                    self._waiting.remove((size_bytes, place))
                self._admit()
            raise

    def leave(self, size_bytes: int) -> None:
        """Give the place back."""
        self._instances -= 1
        self._bytes -= size_bytes
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, place = self._waiting.popleft()
            if not place.done():
                self._take(size_bytes)
                place.set_result(None)

    def _fits(self, size_bytes: int) -> bool:
        if not self._instances:
            return True
        return (
            self._instances < self._most_instances and self._bytes + size_bytes <= self._most_bytes
        )

    def _take(self, size_bytes: int) -> None:
        self._instances += 1
        self._bytes += size_bytes
