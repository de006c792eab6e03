"""A DIMSE server over the real pipeline and the in-memory engines, on a free port of loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.instances import OnConflict
from hilum.inbound.dimse.store import CStoreDoor
from hilum.ingest.committer import Committer
from hilum.ingest.pipeline import Ingest, IngestLimits
from hilum.ports.objects import ObjectStore
from hilum.servers.dimse import DimseServer
from hilum.servers.dimse_options import DimseOptions
from tests.twins import MemoryIndex, MemoryIntents, MemoryObjects


@dataclass
class CountingMeter:
    """DimseMeter that a test can look into; threads only ever add."""

    opened: int = 0
    closed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    received_bytes: int = 0

    def association_opened(self) -> None:
        self.opened += 1

    def association_closed(self, how: str) -> None:
        self.closed[how] += 1

    def association_refused(self, reason: str) -> None:
        self.refused[reason] += 1

    def protocol_violated(self, reason: str) -> None:
        self.violations[reason] += 1

    def stored(self, status: int, size_bytes: int) -> None:
        self.statuses[status] += 1
        self.received_bytes += size_bytes


@dataclass
class DimseArchive:
    """What a test sends to, and looks into."""

    server: DimseServer
    ingest: Ingest
    index: MemoryIndex
    objects: MemoryObjects
    meter: CountingMeter
    spool_folder: Path

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def spooled_files(self) -> list[Path]:
        """Files that rest in the spool now."""
        return [path for path in self.spool_folder.rglob("*/*") if path.name.isdigit()]

    def kept(self, sop_instance_uid: str) -> bytes:
        """The object of an instance, byte for byte."""
        (key,) = (
            row.kept.object_key
            for (_, uids), row in self.index.rows.items()
            if uids.sop_instance == sop_instance_uid
        )
        return self.objects.held[key]


@asynccontextmanager
async def dimse_archive(
    folder: Path,
    *,
    on_conflict: OnConflict = OnConflict.REFUSE,
    store: ObjectStore | None = None,
    **options: Any,
) -> AsyncIterator[DimseArchive]:
    """Serve until the block ends; `options` are fields of `DimseOptions`.

    Objects go to `store` where given, which the archive's own helpers do not look into.
    """
    index, objects, meter = MemoryIndex(), MemoryObjects(), CountingMeter()
    async with (
        DiskSpool(folder / "spool", reserve_bytes=0) as spool,
        Committer(index) as committer,
        Ingest(
            index=index,
            objects=store or objects,
            intents=MemoryIntents(),
            committer=committer,
            limits=IngestLimits(instances_in_flight=256),
        ) as ingest,
        DimseServer(
            DimseOptions(port=0, **options),
            CStoreDoor(ingest, on_conflict=on_conflict),
            spool,
            meter,
        ) as server,
    ):
        yield DimseArchive(server, ingest, index, objects, meter, folder / "spool")


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that a thread of the server is about to do."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert holds()
