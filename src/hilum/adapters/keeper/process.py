"""The serving process's side: a `Keeper` that hands batches to a process of its own.

Python runs one thread at a time, and every call to the disk or the database hands the turn over and
waits to get it back. With the calls of writing in another process the event loop keeps its turn
(docs/decisions/0012-keeper-process.md).
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, Self

import structlog

from hilum.adapters.keeper.child import Child, Ended, spawn
from hilum.adapters.keeper.exchange import Memory, TooLarge
from hilum.adapters.keeper.serving import Answer, with_faults
from hilum.domain.errors import ArchiveFault, ArchiveUnavailable
from hilum.domain.instances import InMemory
from hilum.domain.records import Committed
from hilum.ports.index import InstanceWriter
from hilum.ports.keeping import Keeping
from hilum.ports.objects import ObjectStore
from hilum.ports.telemetry import IngestMeter, Stage

_log = structlog.get_logger("hilum.keeper")

_START_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 5.0
"""Before a keeper that could not be started is tried again."""
_PAUSE_AFTER_END_SECONDS: Final = 1.0


class KeeperProcess:
    """See `Keeper`; use with `async with`. One batch is under way at a time.

    `module` is run with the interpreter of this process and told `configuration`. When it ends it
    is started again; the batch that it had fails with `ArchiveUnavailable`. What does not fit into
    `memory_bytes`, and everything while it does not run, goes through `objects` and `index` of
    this process instead, so nothing waits for it to start.
    """

    def __init__(
        self,
        module: str,
        configuration: Mapping[str, Any],
        *,
        objects: ObjectStore,
        index: InstanceWriter,
        memory_bytes: int,
        takes_bytes: int,
        meter: IngestMeter,
    ) -> None:
        self._module = module
        self._configuration = dict(configuration)
        self._objects = objects
        self._index = index
        self._memory_bytes = memory_bytes
        self._takes_bytes = min(takes_bytes, memory_bytes // 4)
        self._meter = meter
        self._turn = asyncio.Lock()
        self._memory: Memory | None = None
        self._child: Child | None = None
        self._starting: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def __aenter__(self) -> Self:
        self._running()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._not_before = math.inf
        async with self._turn:
            if self._starting is not None:
                self._starting.cancel()
                await asyncio.wait([self._starting])
            if self._child is not None:
                await self._child.end()
                self._child = None
            if self._memory is not None:
                self._memory.close()

    @property
    def takes_bytes(self) -> int:
        """See `Keeper`."""
        return self._takes_bytes

    async def keep(self, batch: Sequence[Keeping]) -> Sequence[Committed]:
        """See `Keeper`."""
        async with self._turn:
            decided: list[Committed] = []
            for part in self._parts(batch):
                decided += await self._keep(part)
            return decided

    def _parts(self, batch: Sequence[Keeping]) -> Sequence[Sequence[Keeping]]:
        """Divide so that the contents of each part leave half of the memory for the rows."""
        parts: list[list[Keeping]] = [[]]
        size_bytes = 0
        for each in batch:
            size_bytes += 0 if each.data is None else len(each.data)
            if size_bytes > self._memory_bytes // 2 and parts[-1]:
                parts.append([])
                size_bytes = 0 if each.data is None else len(each.data)
            parts[-1].append(each)
        return parts

    async def _keep(self, part: Sequence[Keeping]) -> Sequence[Committed]:
        running = self._running()
        if running is None:
            return await self._keep_here(part)
        child, memory = running
        contents = [each.data for each in part if each.data is not None]
        said = [(each.kept, -1 if each.data is None else len(each.data)) for each in part]
        try:
            length = memory.put(said, contents)
        except TooLarge:
            if len(part) == 1:
                return await self._keep_here(part)
            half = len(part) // 2
            return [*await self._keep(part[:half]), *await self._keep(part[half:])]
        async with self._watching():
            answer: Answer = memory.get(await child.ask(length))
        for _ in contents:
            self._meter.stage(Stage.WRITE, answer.put_seconds)
        if answer.error is not None:
            raise answer.error
        if answer.bug is not None:
            message = f"the keeper failed: {answer.bug}"
            raise RuntimeError(message)
        return answer.decisions

    async def _keep_here(self, part: Sequence[Keeping]) -> Sequence[Committed]:
        everything = [each.kept for each in part]
        keys = [kept.object_key for kept in everything]
        told = zip(keys, await asyncio.gather(*map(self._put_here, part)), strict=True)
        faults = {key: fault for key, fault in told if fault is not None}
        sound = [kept for kept in everything if kept.object_key not in faults]
        return with_faults(everything, faults, await self._index.commit(sound))

    async def _put_here(self, each: Keeping) -> ArchiveFault | None:
        if each.data is None:
            return None
        began = time.perf_counter()
        try:
            await self._objects.put_once(each.kept.object_key, InMemory(each.data))
        except ArchiveFault as fault:
            return fault
        finally:
            self._meter.stage(Stage.WRITE, time.perf_counter() - began)
        return None

    def _running(self) -> tuple[Child, Memory] | None:
        """The keeper; None while it does not run, and then it is being started."""
        if self._child is not None and self._memory is not None:
            return self._child, self._memory
        if self._starting is None and time.monotonic() >= self._not_before:
            self._starting = asyncio.create_task(self._start(), name="hilum-keeper-start")
        return None

    async def _start(self) -> None:
        self._not_before = time.monotonic() + _PAUSE_SECONDS
        child = None
        try:
            if self._memory is None:
                self._memory = Memory.fresh(self._memory_bytes)
            child = spawn(self._module, self._memory)
            async with asyncio.timeout(_START_SECONDS):
                await child.ask(self._memory.put(self._configuration))
        except (OSError, Ended) as error:  # a timeout is an OSError, too
            _log.warning("keeper_not_started", error=type(error).__name__)
        else:
            self._child, child = child, None
        finally:
            if child is not None:
                await child.give_up()
            self._starting = None

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Bury a keeper that ends meanwhile, or that nobody waits for any more."""
        try:
            yield
        except Ended as error:
            await self._bury()
            message = "The archive's keeper process ended; send the instance again."
            raise ArchiveUnavailable(message) from error
        except asyncio.CancelledError:
            await self._bury()  # its answer would be taken for that of the next batch
            raise

    async def _bury(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            code = await child.end()
            self._not_before = time.monotonic() + _PAUSE_AFTER_END_SECONDS
            _log.error("keeper_ended", exit_code=code)
