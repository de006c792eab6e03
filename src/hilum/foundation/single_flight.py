"""Making a thing once, however many ask for it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from hilum.foundation import tasks

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Work under way, by key; used from one event loop.

    Nothing is remembered once the work has ended. It runs in a task of its own, so that whoever
    asked first may go: it is cancelled only when nobody waits for it any more.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[_T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def __call__(self, key: Hashable, make: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `make` returns, or what it returns to somebody who came before.

        An error of `make` is raised to all who wait.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(_run(make)))
            self._flights[key] = flight
            flight.task.add_done_callback(lambda _: self._landed(key, flight))
        flight.waiting += 1
        try:
            # The shield keeps the cancellation of one who waits away from the others.
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                # Who asks from now on gets work of their own, not the one that is ending.
                self._landed(key, flight)
                flight.task.cancel()

    def _landed(self, key: Hashable, flight: "_Flight[_T]") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


class _Flight(Generic[_T]):
    """Work, and how many wait for it."""

    def __init__(self, task: "asyncio.Task[_T]") -> None:
        self.task = task
        self.waiting = 0
        task.add_done_callback(tasks.note_error)


async def _run(make: Callable[[], Awaitable[_T]]) -> _T:
    return await make()
