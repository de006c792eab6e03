"""A bell that wakes whoever waits for something to happen in this process."""

import asyncio


class Bell:
    """Ring it when there is something new. Used from one event loop.

    Take `rung` before you look; waiting for more than that returns at once when somebody rang
    in between, so nothing is slept through.
    """

    __slots__ = ("_waiting", "rung")

    def __init__(self) -> None:
        self.rung = 0
        """How often it was rung."""
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        self.rung += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def wait(self, rung: int, seconds: float) -> None:
        """Return when it was rung more often than `rung`, or after so many seconds."""
        if self.rung != rung:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            self._waiting.discard(waiter)
            waiter.cancel()
