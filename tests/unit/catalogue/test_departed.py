"""What was made of instances that are gone is found, whoever deleted them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from structlog.testing import capture_logs

from hilum.catalogue.departed import Departed
from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.identifiers import Version
from hilum.foundation.clock import SystemClock


class Cache:
    def __init__(self, *versions: int) -> None:
        self.held = [Version(version) for version in versions]
        self.forgotten: list[int] = []
        self.forgot = asyncio.Event()

    async def versions(self) -> AsyncIterator[Sequence[Version]]:
        for version in list(self.held):
            yield [version]

    async def forget(self, version: Version) -> None:
        self.held.remove(version)
        self.forgotten.append(version)
        self.forgot.set()


class Index:
    """Knows some versions; fails as often as it is told to."""

    def __init__(self, *live: int, failures: int = 0) -> None:
        self.versions = set(live)
        self.failures = failures
        self.answers = 0
        self.asked_again = asyncio.Event()

    async def live(self, versions: Sequence[Version]) -> set[Version]:
        if self.failures:
            self.failures -= 1
            raise ArchiveUnavailable("The database is away.")
        self.answers += 1
        if self.answers > 2:  # the versions of the first look, and one of the next
            self.asked_again.set()
        return {version for version in versions if version in self.versions}


async def test_only_what_the_index_does_not_know_is_forgotten() -> None:
    cache = Cache(1, 2, 3, 4)

    forgotten = await Departed(cache, cache, Index(2, 4), SystemClock(), 60).look()

    assert forgotten == 2
    assert cache.forgotten == [1, 3]


async def test_it_looks_at_the_start_and_again_after_an_outage_told_once() -> None:
    cache, index = Cache(1, 2), Index(2, failures=3)

    with capture_logs() as logs:
        async with Departed(cache, cache, index, SystemClock(), 0.001):
            await asyncio.wait_for(cache.forgot.wait(), 10)
            await asyncio.wait_for(index.asked_again.wait(), 10)

    events = [each["event"] for each in logs]
    assert events == ["derived_not_compared", "derived_objects_departed"]
    assert cache.held == [2]
