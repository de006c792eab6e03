"""The whole door over the real pipeline, index and disk, towards scripted Orthancs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.orthanc import orthanc_door
from hilum.domain.arrivals import SETTLED, ArrivalRecord, ArrivalState, Noted, Seen, Told
from hilum.domain.records import FeedEntry, FeedKind
from hilum.foundation.clock import SystemClock
from hilum.inbound.orthanc.door import OrthancDoor
from hilum.settings import load_settings


@dataclass
class CountingMeter:
    """`IngestionMeter` that a test can look into."""

    successes: int = 0
    failures: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    visits: int = 0

    def succeeded(self) -> None:
        self.successes += 1

    def failed(self, reason: str, /) -> None:
        self.failures.append(reason)

    def dead_lettered(self, reason: str, /) -> None:
        self.letters.append(reason)

    def visited(self, _seconds: float, /) -> None:
        self.visits += 1

    def backlog(self, _source: str, _waiting: int, /) -> None:
        return


@dataclass
class House:
    """An archive with the door open."""

    archive: Archive
    door: OrthancDoor
    meter: CountingMeter

    async def call(self, study: str, correlation_id: str = "called", **more: Any) -> Noted:
        """As the webhook does."""
        seen = Seen("main", study, correlation_id, Told.WEBHOOK, **more)
        (noted,) = await self.archive.index.arrivals.note([seen])
        self.door.wake()
        assert noted is not None
        return noted

    async def arrival(self, study: str) -> ArrivalRecord:
        (found,) = await self.archive.index.arrivals.arrivals(source_id=study)
        whole = await self.archive.index.arrivals.arrival(found.key)
        assert whole is not None
        return whole

    async def settled(self, study: str, seconds: float = 20) -> ArrivalRecord:
        """The arrival once it is settled."""
        await until(lambda: self._is_settled(study), seconds)
        return await self.arrival(study)

    async def _is_settled(self, study: str) -> bool:
        found = await self.archive.index.arrivals.arrivals(source_id=study)
        return bool(found) and found[0].state in SETTLED

    async def states(self) -> list[ArrivalState]:
        return [one.state for one in await self.archive.index.arrivals.arrivals()]

    async def told(self, kind: FeedKind) -> list[dict[str, Any]]:
        """What the feed says of this kind, with the correlation id beside it."""
        return [_told(entry) for entry in await self.feed() if entry.kind is kind]

    async def feed(self) -> Sequence[FeedEntry]:
        return await self.archive.index.feed(0, 100_000)

    async def instances(self) -> int:
        return (await self.archive.index.counts()).instances


def _told(entry: FeedEntry) -> dict[str, Any]:
    payload = orjson.loads(entry.payload or "{}")
    return {**payload, "correlation_id": entry.correlation_id, "study": entry.uids.study}


async def until(holds: Callable[[], Any], seconds: float = 20) -> None:
    """Wait until the awaited answer is true."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - the database cannot ring
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_house(
    folder: Path, url: str, source: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[House]:
    """`source` and `settings` are those of the source `main` and of the section `orthanc`."""
    usual = {
        "sources": {"main": {"url": url, "poll_seconds": 0.05} | (source or {})},
        "retry_seconds": 0.05,
        "maximum_retry_seconds": 0.2,
        "look_seconds": 0.05,
        "unstable_seconds": 0.1,
        "existing_studies": (source or {}).get("poll", True),
    } | settings
    chosen = load_settings(
        {"data_dir": folder / "data", "storage.reserve_bytes": 0}
        | {f"orthanc.{name}": value for name, value in usual.items()},
        environment={},
    )
    meter = CountingMeter()
    async with (
        open_archive(chosen) as archive,
        orthanc_door(chosen, archive, archive.index.delivery, meter, SystemClock()) as door,
    ):
        assert door is not None
        yield House(archive, door, meter)
        assert door.alive
