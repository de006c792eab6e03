"""Waiting in order of arrival for something that is counted and scarce."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Turns:
    """Who waits for how much; used from one event loop.

    `take` takes an amount if it is to be had and says whether it did; `give_back` undoes that and
    calls `serve`, as whoever makes room must.
    """

    def __init__(self, take: Callable[[int], bool], give_back: Callable[[int], None]) -> None:
        self._take = take
        self._give_back = give_back
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> bool:
        """True while somebody waits: newcomers queue behind."""
        return bool(self._waiting)

    async def wait(self, amount: int) -> None:
        """Return when `amount` was taken; being cancelled leaves nothing taken."""
        if not self._waiting and self._take(amount):
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._give_back(amount)
            else:
                # It is out of the queue already when room was made between cancel and this turn.
                with suppress(ValueError):
                    self._waiting.remove((amount, place))
                self.serve()
            raise

    def serve(self) -> None:
        """Let in those whose turn it is, as far as there is room."""
        while self._waiting:
            amount, place = self._waiting[0]
            if not place.done():
                if not self._take(amount):
                    return
                place.set_result(None)
            self._waiting.popleft()
