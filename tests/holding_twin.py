"""A holding that keeps its promises within one process and nothing beyond, for tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from hilum.domain.errors import ObjectMissing
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.ports.holding import Held


class MemoryHolding:
    """Files below `folder`, which is made; the list of them is in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = 0
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.since: dict[str, datetime] = {}
        """May be changed by a test, to let time go by."""
        folder.mkdir(parents=True, exist_ok=True)

    async def keep(self, place: str, content: Content) -> None:
        """See `Holding.keep`."""
        path = self.path(place)
        data = content.data if isinstance(content, InMemory) else content.path.read_bytes()
        path.write_bytes(data)
        if isinstance(content, Spooled):
            content.path.unlink()
        self.since[place] = datetime.now(UTC)

    @asynccontextmanager
    async def take(self, place: str) -> AsyncIterator[Spooled]:
        """See `Holding.take`."""
        if place not in self.since:
            message = "not held"
            raise ObjectMissing(message)
        self._taken += 1
        path = self._folder / f"taken-{self._taken}"
        path.write_bytes(self.path(place).read_bytes())
        try:
            yield Spooled(path, path.stat().st_size)
        finally:
            path.unlink(missing_ok=True)

    def path(self, place: str) -> Path:
        """See `Holding.path`."""
        return self._folder / place.replace("/", "_")

    async def discard(self, place: str) -> None:
        """See `Holding.discard`."""
        if self.since.pop(place, None) is not None:
            self.path(place).unlink()

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """See `Holding.turn`."""
        async with self._turns[name]:
            yield

    async def list(self) -> AsyncIterator[Held]:
        """See `Holding.list`."""
        for place, since in list(self.since.items()):
            yield Held(place, self._size(place), since)

    def _size(self, place: str) -> int:
        return self.path(place).stat().st_size
