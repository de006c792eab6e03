"""What is running here: doors, counts, newest studies; without patient data."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hilum.desk.health import HEALTHY, SERVICE
from hilum.desk.readiness import Readiness, Report
from hilum.domain.records import ArchiveCounts, NewestStudy
from hilum.foundation.clock import Clock
from hilum.ports.index import Statistics


@dataclass(frozen=True, slots=True)
class DoorAddress:
    """A door and how to reach it."""

    name: str
    """Such as `DICOMweb (PS3.18)`."""
    address: str
    """A path on this server, or what to type into another program."""
    purpose: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the archive holds."""

    counts: ArchiveCounts
    newest: Sequence[NewestStudy]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages and the product's own API are made from."""

    version: str
    statistics: Statistics
    readiness: Readiness
    clock: Clock
    started: datetime
    doors: Callable[[], Sequence[DoorAddress]]
    """Asked at each page, since ports are known only when the doors are open."""
    viewer: Callable[[], str | None] = lambda: None
    """Path of the viewer, while there is one. Reads the disk: called in a thread."""
    newest_studies: int = 10
    health_status: str = HEALTHY
    """What `/health` says while the process is alive."""
    service: str = SERVICE
    """The name `/health` says it with."""
    command_bytes: int = 65_536
    """The longest body of a command."""

    async def holdings(self) -> Holdings:
        """Counts and newest studies. Raises `ArchiveUnavailable`."""
        counts = await self.statistics.counts()
        return Holdings(counts, await self.statistics.newest_studies(self.newest_studies))

    async def viewer_path(self) -> str | None:
        """Where the viewer is on this server; None when there is none."""
        return await asyncio.to_thread(self.viewer)

    async def report(self) -> Report:
        """The state of the components."""
        return await self.readiness.report()
