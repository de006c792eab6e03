"""`DerivedStore` and `Forgetting` in a folder of this machine, bounded in bytes and in age."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import structlog

from hilum.adapters.storage.derived.clearing import clear
from hilum.adapters.storage.derived.files import DerivedFiles, stored_bytes
from hilum.adapters.storage.derived.layout import SHARDS, archive_folder
from hilum.adapters.storage.derived.memory import RecentObjects
from hilum.adapters.storage.derived.sweeping import Bounds, Sweeper, Swept
from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.free_space import FreeSpace, free_bytes
from hilum.domain.errors import ArchiveFault, ArchiveFull
from hilum.domain.identifiers import Version
from hilum.foundation import tasks
from hilum.foundation.clock import Clock
from hilum.foundation.outage import Outage
from hilum.ports.derived_telemetry import (
    DerivedMeter,
    DerivedPut,
    DerivedRead,
    DerivedRemoval,
)

_log = structlog.get_logger("hilum.derived")
_THREADS: Final = 4
_CROWDED: Final = 0.95
"""The part of the size at which the folder is walked over at once."""
_BOUNDS: Final = (0.85, 0.8)
"""A walk that finds more than the first part leaves the second."""
_LARGEST: Final = 10
"""No object takes more than the whole in so many, so that there is room after a walk."""
_LOOK_SECONDS: Final = 30.0
"""Between two looks at the free space of the disk."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DerivedOptions:
    """Bounds of the cache; the settings of the section `derived` have the same names."""

    maximum_bytes: int = 4 << 30
    maximum_age_seconds: float = 30 * 86_400
    maximum_object_bytes: int = 32 << 20
    memory_bytes: int = 64 << 20
    sweep_seconds: float = 600
    """Between two walks over the folder, which see what other processes did."""
    reserve_bytes: int = 0
    """Space on the file system that the archive keeps free: the cache gives way before it."""


class DerivedCache:
    """Keeps what was made of instances; use with `async with`.

    Its size is counted in the background when it is opened; until then it answers, and what is put
    is kept in memory only.
    """

    def __init__(
        self,
        folder: Path,
        feed_id: str,
        options: DerivedOptions,
        clock: Clock,
        meter: DerivedMeter,
    ) -> None:
        """`folder` is this archive's own, `feed_id` names the life of its index."""
        self._options = options
        self._clock = clock
        self._meter = meter
        root = folder / archive_folder(feed_id)
        self._folder = folder
        self._files = DerivedFiles(root)
        # The archive refuses to store below its reserve: the cache ends well before that.
        self._kept_free = 2 * options.reserve_bytes
        self._space = FreeSpace(root, self._kept_free)
        self._sweep = Sweeper(self._files, options.maximum_age_seconds)
        self._recent = RecentObjects(options.memory_bytes)
        self._outage = Outage(clock)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="derived")
        self._held_bytes: int | None = None
        self._writing_bytes = 0
        self._put_bytes = 0
        """Put since the walk that is under way began, which may not have seen it."""
        self._crowded = asyncio.Event()
        self.swept: Final = asyncio.Event()
        """Set when a walk ended, for whoever waits for one."""
        self._sweeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sweeping = asyncio.create_task(self._keep_sweeping(), name="derived-sweep")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sweep.stop.set()
        if self._sweeping is not None:
            await tasks.end(self._sweeping)
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def get(self, version: Version, recipe: str) -> bytes | None:
        """See `DerivedStore.get`."""
        data = self._recent.get(version, recipe)
        if data is not None:
            self._meter.read(DerivedRead.MEMORY)
            return data
        try:
            found = await self._in_thread(lambda: self._files.read(version, recipe, self._now()))
        except OSError as error:
            self._failed(error)
            self._meter.read(DerivedRead.FAILED)
            return None
        self._meter.read(found.outcome)
        if found.outcome is DerivedRead.DAMAGED:
            self._meter.removed(DerivedRemoval.DAMAGED, 1)
            self._count(-found.freed_bytes)
        if found.data is not None:
            self._recent.keep(version, recipe, found.data)
        return found.data

    async def put(self, version: Version, recipe: str, data: bytes) -> None:
        """See `DerivedStore.put`."""
        if len(data) > min(
            self._options.maximum_object_bytes, self._options.maximum_bytes // _LARGEST
        ):
            self._meter.put(DerivedPut.TOO_LARGE, len(data))
            return
        self._recent.keep(version, recipe, data)
        if not self._has_room(stored_bytes(data)):
            self._meter.put(DerivedPut.NO_ROOM, len(data))
            return
        outcome = DerivedPut.FAILED
        self._writing_bytes += stored_bytes(data)
        try:
            outcome = await self._in_thread(lambda: self._write(version, recipe, data))
        except OSError as error:
            self._failed(error)
        else:
            self._works()
        finally:
            self._writing_bytes -= stored_bytes(data)
            if outcome is not DerivedPut.KEPT:
                self._count(-stored_bytes(data))
        if outcome is DerivedPut.GONE:
            self._recent.forget(version)
        self._meter.put(outcome, len(data))

    async def forget(self, version: Version) -> None:
        """See `Forgetting.forget`."""
        self._recent.forget(version)
        try:
            objects, size = await self._in_thread(lambda: self._files.forget(version, self._now()))
        except OSError as error:
            raise archive_fault(error, "removing derived objects") from error
        self._count(-size)
        if objects:
            self._meter.removed(DerivedRemoval.FORGOTTEN, objects)

    async def versions(self) -> AsyncIterator[Sequence[Version]]:
        """See `HeldVersions.versions`."""
        for shard in SHARDS:
            try:
                found = await self._in_thread(partial(self._files.versions, shard))
            except OSError as error:
                raise archive_fault(error, "looking at derived objects") from error
            if found:
                yield found
        # Another process on this folder may have removed the files of what is held in memory here.
        if held := self._recent.versions():
            yield held

    def _write(self, version: Version, recipe: str, data: bytes) -> DerivedPut:
        try:
            self._space.demand(stored_bytes(data))
        except ArchiveFull:
            return DerivedPut.NO_ROOM
        return self._files.write(version, recipe, data, self._now())

    def _has_room(self, size_bytes: int) -> bool:
        """Take room for an object, if there is some; wake the sweeper when it gets tight."""
        if self._held_bytes is None:
            return False
        most = self._options.maximum_bytes
        if self._held_bytes + size_bytes > most * _CROWDED:
            self._crowded.set()
        if self._held_bytes + size_bytes > most:
            return False
        self._put_bytes += size_bytes
        self._count(size_bytes)
        return True

    def _count(self, size_bytes: int) -> None:
        if self._held_bytes is not None:
            self._held_bytes = max(0, self._held_bytes + size_bytes)
            self._meter.held(self._held_bytes)

    async def _keep_sweeping(self) -> None:
        while True:
            self._crowded.clear()
            try:
                await self._sweep_once()
            except OSError as error:
                self._failed(error)
            except ArchiveFault as error:
                _log.warning("derived_cache_not_cleared", error=error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives a bug, the log tells it
                _log.error("derived_sweep_failed", kind=type(error).__name__)
            self.swept.set()
            await self._until_due()

    async def _until_due(self) -> None:
        """Wait until a walk is due, or the cache or the disk gets crowded."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._options.sweep_seconds
        while (left := due - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, _LOOK_SECONDS)):
                    await self._crowded.wait()
            except TimeoutError:
                if self._held_bytes and await self._in_thread(self._is_disk_crowded):
                    return
            else:
                return

    async def _sweep_once(self) -> None:
        self._put_bytes = self._writing_bytes
        swept = await self._in_thread(self._sweep_files)
        if self._sweep.stop.is_set():
            return
        # What was put meanwhile may have been seen or not: the next walk knows.
        self._held_bytes = swept.size_bytes + self._put_bytes
        self._meter.held(self._held_bytes)
        self._meter.removed(DerivedRemoval.AGE, swept.by_age)
        self._meter.removed(DerivedRemoval.SIZE, swept.by_size)
        self._works()
        if swept.by_age or swept.by_size:
            _log.info(
                "derived_objects_evicted",
                by_age=swept.by_age,
                by_size=swept.by_size,
                size_bytes=swept.size_bytes,
            )

    def _sweep_files(self) -> Swept:
        # Numbers of versions begin again with a new index: what an old one named is of no use.
        clear(self._folder, keep=self._files.root)
        self._files.prepare()
        return self._sweep(self._bounds, self._now())

    def _bounds(self, held_bytes: int) -> Bounds:
        spare = free_bytes(self._files.root) - self._kept_free
        allowed = max(0, min(self._options.maximum_bytes, held_bytes + spare))
        most, target = _BOUNDS
        return Bounds(int(allowed * most), int(allowed * target))

    def _is_disk_crowded(self) -> bool:
        try:
            return free_bytes(self._files.root) < self._kept_free
        except OSError:
            return False  # the next walk tells of it

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _failed(self, error: OSError) -> None:
        if self._outage.met():
            _log.warning(
                "derived_cache_unavailable",
                folder=str(self._files.root),
                error=os.strerror(error.errno or 0),
            )

    def _works(self) -> None:
        if (seconds := self._outage.over()) is not None:
            _log.info("derived_cache_back", seconds=seconds)
