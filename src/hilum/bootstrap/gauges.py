"""Gauges: what is held is looked up now and then, the disk whenever somebody asks."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from hilum.adapters.telemetry.metrics import Metrics
from hilum.bootstrap.archive import Archive
from hilum.domain.errors import HilumError
from hilum.settings import Settings

_REFRESH_SECONDS: Final = 15.0


class _Held:
    """The last counts that the index gave."""

    def __init__(self) -> None:
        self.studies = self.series = self.instances = self.size_bytes = 0

    async def refresh(self, archive: Archive) -> None:
        counts = await archive.index.counts()
        self.studies, self.series = counts.studies, counts.series
        self.instances, self.size_bytes = counts.instances, counts.size_bytes


@asynccontextmanager
async def observe_archive(
    metrics: Metrics, archive: Archive, settings: Settings
) -> AsyncIterator[None]:
    """Feed the gauges while the context is open."""
    held = _Held()
    metrics.observe("hilum_disk_free_bytes", lambda: shutil.disk_usage(archive.folder).free)
    metrics.observe("hilum_disk_reserve_bytes", lambda: settings.storage.reserve_bytes)
    metrics.observe("hilum_studies", lambda: held.studies)
    metrics.observe("hilum_series", lambda: held.series)
    metrics.observe("hilum_instances", lambda: held.instances)
    metrics.observe("hilum_stored_bytes", lambda: held.size_bytes)
    task = asyncio.create_task(_refresh(held, archive))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _refresh(held: _Held, archive: Archive) -> None:
    while True:
        # An outage shows in /ready; the gauges keep their last value meanwhile.
        with contextlib.suppress(HilumError):
            await held.refresh(archive)
        await asyncio.sleep(_REFRESH_SECONDS)
