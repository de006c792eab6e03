"""One transaction for whatever is ready: the flush of the database is what a commit costs.

While one batch is being committed the next one gathers by itself, so a lone instance never waits
and a busy archive commits many at once (docs/decisions/0008-group-commit.md).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from hilum.domain.errors import ArchiveFault, HilumError, ShuttingDown
from hilum.domain.instances import Description, Disposition, Kept
from hilum.domain.records import Committed
from hilum.ports.index import InstanceWriter
from hilum.ports.keeping import Keeper, Keeping
from hilum.ports.telemetry import IngestMeter, NoIngestMeter


@dataclass(frozen=True, slots=True)
class _Item:
    keeping: Keeping
    size_bytes: int
    decided: "asyncio.Future[Committed]"


class Committer:
    """The one writer of instances of this process; open it with `async with`.

    Leaving the context commits what was handed in and refuses what comes later. With a `keeper`,
    that one puts small objects and commits; otherwise `index` does. `fed` is called when the keeper
    has added to the feed, which the index cannot know.
    """

    def __init__(
        self,
        index: InstanceWriter,
        *,
        keeper: Keeper | None = None,
        batch_instances: int = 256,
        batch_bytes: int = 32 << 20,
        queue_instances: int = 1024,
        meter: IngestMeter | None = None,
        fed: Callable[[], None] = lambda: None,
    ) -> None:
        self._index = index
        self._fed = fed
        self._keeper = keeper
        self._batch_instances = batch_instances
        self._batch_bytes = batch_bytes
        self._places = asyncio.Semaphore(queue_instances)
        self._meter = meter or NoIngestMeter()
        self._queue: deque[_Item] = deque()
        self._work = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="hilum-committer")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._work.set()
        if self._task is not None:
            await self._task

    @property
    def alive(self) -> bool:
        """True while it takes work: what `/ready` asks."""
        return self._task is not None and not self._task.done() and not self._closing

    @property
    def takes_bytes(self) -> int:
        """The largest instance whose bytes `commit` takes; 0 when the store must have them all."""
        return 0 if self._keeper is None else self._keeper.takes_bytes

    async def commit(self, kept: Kept, data: bytes | None = None) -> Committed:
        """Have `kept` written with the next batch and return the index's decision on it.

        With `data`, its object is put on stable storage before. Raises `ShuttingDown`, what
        `InstanceWriter.commit` and `ObjectStore.put_once` raise; of an item that no row can hold,
        its own error.
        """
        async with self._places:
            if not self.alive:
                raise ShuttingDown("The server is shutting down; send the instance again later.")
            decided: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
            size_bytes = row_bytes(kept.description) + (0 if data is None else len(data))
            self._queue.append(_Item(Keeping(kept, data), size_bytes, decided))
            self._work.set()
            committed = await decided
        if committed.disposition is Disposition.FAILED and committed.error is not None:
            raise committed.error
        return committed

    async def _run(self) -> None:
        try:
            while await self._has_work():
                await self._commit(self._take())
        finally:
            self._closing = True
            for item in self._queue:
                _fail(item, ShuttingDown("The server was stopped before the instance was kept."))
            self._queue.clear()

    async def _has_work(self) -> bool:
        while not self._queue:
            if self._closing:
                return False
            self._work.clear()
            await self._work.wait()
        return True

    def _take(self) -> Sequence[_Item]:
        self._meter.waiting(len(self._queue))
        batch = [self._queue.popleft()]
        size_bytes = batch[0].size_bytes
        while self._queue and len(batch) < self._batch_instances:
            size_bytes += self._queue[0].size_bytes
            if size_bytes > self._batch_bytes:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _commit(self, batch: Sequence[_Item]) -> None:
        began = time.perf_counter()
        try:
            decisions = await self._decide([item.keeping for item in batch])
        except ArchiveFault as error:  # it is the archive that cannot, whatever the items are
            for item in batch:
                _fail(item, error)
        except Exception as error:  # noqa: BLE001 - every item hears of it, the pipeline logs it
            await self._isolate(batch, error)
        except asyncio.CancelledError:
            for item in batch:
                _fail(item, ShuttingDown("The server was stopped while the instance was kept."))
            raise
        else:
            for item, committed in zip(batch, decisions, strict=True):
                if not item.decided.done():
                    item.decided.set_result(committed)
        finally:
            seconds = time.perf_counter() - began
            self._meter.batch(len(batch), sum(item.size_bytes for item in batch), seconds)

    async def _decide(self, batch: Sequence[Keeping]) -> Sequence[Committed]:
        if self._keeper is not None:
            committed = await self._keeper.keep(batch)
            self._fed()
            return committed
        return await self._index.commit([each.kept for each in batch])

    async def _isolate(self, batch: Sequence[_Item], error: Exception) -> None:
        """One item may have spoilt the batch: commit each alone, so that the others are kept."""
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for item in batch:
            await self._commit([item])


def row_bytes(description: Description) -> int:
    """About what the rows of an instance weigh; the fixed part is for keys and overhead."""
    levels = (description.study, description.series, description.instance)
    attributes = sum(len(level.attributes) for level in levels)
    tables = len(description.frame_table) + len(description.bulk_table)
    return 2048 + attributes + len(description.metadata.deflated) + tables


def _fail(item: _Item, error: HilumError | Exception) -> None:
    if not item.decided.done():
        item.decided.set_exception(error)
