"""A cache to be tested, whose clock and meter are ours."""

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hilum.adapters.storage.derived.store import DerivedCache, DerivedOptions
from hilum.domain.identifiers import Version
from hilum.ports.derived_telemetry import DerivedPut, DerivedRead, DerivedRemoval

FEED = "feed-1"


class SetClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_(self, **span: float) -> None:
        self.time += timedelta(**span)


class CountingMeter:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.reads: Counter[DerivedRead] = Counter()
        self.puts: Counter[DerivedPut] = Counter()
        self.gone: Counter[DerivedRemoval] = Counter()
        self.held_bytes = 0
        self.put_bytes = 0

    def read(self, outcome: DerivedRead) -> None:
        self.reads[outcome] += 1

    def put(self, outcome: DerivedPut, size_bytes: int) -> None:
        self.puts[outcome] += 1
        self.put_bytes += size_bytes if outcome is DerivedPut.KEPT else 0

    def removed(self, reason: DerivedRemoval, objects: int) -> None:
        if objects:
            self.gone[reason] += objects

    def held(self, size_bytes: int) -> None:
        self.held_bytes = size_bytes


class OpenCache:
    """An open cache with what it was made of."""

    def __init__(self, cache: DerivedCache, clock: SetClock, meter: CountingMeter) -> None:
        self.cache = cache
        self.clock = clock
        self.meter = meter

    async def get(self, version: int, recipe: str) -> bytes | None:
        return await self.cache.get(Version(version), recipe)

    async def put(self, version: int, recipe: str, data: bytes) -> None:
        await self.cache.put(Version(version), recipe, data)

    async def forget(self, version: int) -> None:
        await self.cache.forget(Version(version))


@asynccontextmanager
async def open_cache(
    folder: Path,
    clock: SetClock | None = None,
    *,
    feed: str = FEED,
    **options: Any,
) -> AsyncIterator[OpenCache]:
    """Open a cache without memory, so that its files are read, and wait for its first sweep."""
    clock = clock or SetClock()
    meter = CountingMeter()
    chosen = DerivedOptions(**{"memory_bytes": 0, **options})
    async with DerivedCache(folder, feed, chosen, clock, meter) as cache:
        await cache.swept.wait()
        yield OpenCache(cache, clock, meter)


def files_of(folder: Path) -> list[Path]:
    """Every object's file; marks and unfinished files are none. Some may go meanwhile."""
    found = []
    for parent, _, names in os.walk(folder):
        if len(Path(parent).relative_to(folder).parts) == 3:
            found += [Path(parent) / name for name in names]
    return sorted(found)


def caches_in(folder: Path) -> list[str]:
    """Names of what lies in the folder of caches."""
    return sorted(path.name for path in folder.iterdir())
