"""The whole door: a client and a poller for each Orthanc, and the workers they share."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hilum.domain.arrivals import SETTLED
from hilum.domain.errors import HilumError
from hilum.foundation.clock import Clock
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.orthanc.client import OrthancClient
from hilum.inbound.orthanc.failures import Failures
from hilum.inbound.orthanc.fetching import Fetching, Ingest
from hilum.inbound.orthanc.gate import SourceGate
from hilum.inbound.orthanc.options import OrthancOptions, OrthancSource
from hilum.inbound.orthanc.patience import Patience
from hilum.inbound.orthanc.poller import Poller
from hilum.inbound.orthanc.visiting import Visiting
from hilum.inbound.orthanc.workers import Workers, new_worker
from hilum.ports.announcing import Announcements
from hilum.ports.arrivals import ArrivalList, ArrivalWork, SourceCursors
from hilum.ports.ingestion_telemetry import IngestionMeter
from hilum.ports.objects import Spool

_GATE_SECONDS = 15.0
"""Longest time between two looks at a source that does not answer."""
_BACKLOG_SECONDS = 15.0
"""Between two counts of what waits."""


@dataclass(frozen=True, slots=True)
class DoorParts:
    """What the door works with."""

    ingest: Ingest
    spool: Spool
    work: ArrivalWork
    arrivals: ArrivalList
    cursors: SourceCursors
    announcements: Announcements
    meter: IngestionMeter
    clock: Clock
    alone: bool = False
    """No other process works on this database: what is leased there was left by a dead one."""


class OrthancDoor:
    """Open while inside `async with`; leaving gives back what was begun."""

    def __init__(
        self, sources: Sequence[OrthancSource], options: OrthancOptions, parts: DoorParts
    ) -> None:
        """Raises `ArchiveUnavailable` for TLS files that cannot be used."""
        self._sources = tuple(sources)
        self._clients = [OrthancClient(source) for source in sources]
        self._worker = new_worker()
        self._gates: Mapping[str, SourceGate] = {
            source.name: SourceGate(
                source.name, parts.clock, options.retry_seconds, _GATE_SECONDS, self.wake
            )
            for source in sources
        }
        memory = MemoryBudget(options.memory_bytes)
        visitors = {
            source.name: Visiting(
                client,
                source,
                options,
                Fetching(client, source, options, parts.ingest, parts.spool, memory),
                parts.announcements,
                self._gates[source.name],
                Failures(source.name, parts.announcements, parts.meter),
                Patience(options, parts.clock),
                parts.meter,
            )
            for source, client in zip(sources, self._clients, strict=True)
        }
        self._workers = Workers(parts.work, visitors, options, parts.clock, self._worker)
        self._pollers = [
            Poller(
                client,
                source,
                options,
                parts.cursors,
                self._gates[source.name],
                parts.clock,
                self._worker,
                self._workers.wake,
            )
            for source, client in zip(sources, self._clients, strict=True)
        ]
        self._arrivals = parts.arrivals
        self._meter = parts.meter
        self._work = parts.work
        self._alone = parts.alone
        self._resources = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def sources(self) -> Sequence[str]:
        """Names of the sources, the first of them the one a webhook means by default."""
        return [source.name for source in self._sources]

    @property
    def silent(self) -> Sequence[str]:
        """Names of the sources that do not answer at present."""
        return [name for name, gate in self._gates.items() if not gate.works]

    @property
    def alive(self) -> bool:
        """False when a task that should run for ever has ended."""
        return not any(task.done() for task in self._tasks)

    def wake(self) -> None:
        """Have the workers look at once: something was noted."""
        self._workers.wake()

    async def __aenter__(self) -> Self:
        if self._alone:
            await self._work.abandon(None)
        for client in self._clients:
            await self._resources.enter_async_context(client)
        runs = [self._workers.run(), self._count(), *(poller.run() for poller in self._pollers)]
        self._tasks = [asyncio.create_task(run) for run in runs]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(HilumError):
            await self._work.abandon(self._worker)
        await self._resources.aclose()

    async def _count(self) -> None:
        """Tell the meter how much waits, for as long as the door is open."""
        while True:
            with suppress(HilumError):
                counts = await self._arrivals.arrival_counts()
                for source in self.sources:
                    states = counts.get(source, {})
                    waiting = sum(n for state, n in states.items() if state not in SETTLED)
                    self._meter.backlog(source, waiting)
            await asyncio.sleep(_BACKLOG_SECONDS)
