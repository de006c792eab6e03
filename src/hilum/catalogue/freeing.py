"""Freeing the space of objects that nothing refers to any more."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Final, Self

import structlog

from hilum.domain.errors import HilumError
from hilum.domain.identifiers import parse_object_key
from hilum.domain.records import DueDeletion
from hilum.foundation.clock import Clock
from hilum.foundation.outage import Outage
from hilum.ports.derived import Forgetting
from hilum.ports.index import DeletionQueue
from hilum.ports.objects import ObjectStore

_log = structlog.get_logger("hilum.freeing")
_LARGEST_DOUBLING: Final = 30


@dataclass(frozen=True, slots=True)
class FreeingOptions:
    """How eagerly space is freed; the settings of the section `deletion` have the same names."""

    delay: timedelta = timedelta()
    """Time between a delete and the freeing of its space."""
    poll: timedelta = timedelta(seconds=5)
    """How often the queue is looked at when nothing announced work."""
    batch_objects: int = 100
    retry: timedelta = timedelta(seconds=10)
    """First wait after a failure; it doubles with each attempt."""
    maximum_retry: timedelta = timedelta(hours=1)


class Freeing:
    """A worker that deletes what the deletion queue names; use with `async with`.

    Objects are deleted first and struck off the queue afterwards, so that a crash in between
    repeats a delete, which is no error. Attempts never end: a store that is back gets its work.
    """

    def __init__(
        self,
        queue: DeletionQueue,
        objects: ObjectStore,
        clock: Clock,
        options: FreeingOptions | None = None,
        derived: Forgetting | None = None,
    ) -> None:
        """`derived` forgets what was made of the objects that go."""
        self._queue = queue
        self._objects = objects
        self._clock = clock
        self._options = options or FreeingOptions()
        self._derived = derived
        self._outage = Outage(clock)
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="freeing")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the object at hand and stop; the rest stays queued."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def due(self) -> None:
        """Say that there may be work; never blocks."""
        self._wake.set()

    async def free_due(self) -> int:
        """Free one batch of what is due; return how many objects were freed or postponed."""
        # The queue knows when an object was given up. The delay shifts what counts as now, for
        # postponed objects, too.
        now = self._clock.now() - self._options.delay
        due = await self._queue.due(now, self._options.batch_objects)
        freed: list[int] = []
        for deletion in due:
            if self._stopping:
                break
            try:
                await self._free(deletion)
            except HilumError as error:
                await self._postpone(deletion, now, error)
            else:
                freed.append(deletion.key)
        if freed:
            await self._queue.freed(freed)
        return len(due)

    async def _free(self, deletion: DueDeletion) -> None:
        if self._derived is not None:
            _, _, version = parse_object_key(deletion.object_key)
            await self._derived.forget(version)
        await self._objects.delete(deletion.object_key)

    async def _postpone(self, deletion: DueDeletion, now: datetime, error: HilumError) -> None:
        doublings = min(deletion.attempts, _LARGEST_DOUBLING)
        wait = min(self._options.retry * 2**doublings, self._options.maximum_retry)
        _log.warning(
            "object_not_freed",
            object_key=deletion.object_key,
            error=error.code,
            attempts=deletion.attempts + 1,
            seconds=wait.total_seconds(),
        )
        await self._queue.postpone(deletion.key, now + wait)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            worked = 0
            try:
                worked = await self.free_due()
            except HilumError as error:
                # The queue itself does not answer: the next round asks again.
                if self._outage.met():
                    _log.warning("deletion_queue_unavailable", error=error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives a bug, the log tells it
                _log.error("freeing_failed", kind=type(error).__name__)
            else:
                if (seconds := self._outage.over()) is not None:
                    _log.info("deletion_queue_back", seconds=seconds)
            if not worked and not self._stopping:
                await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._options.poll.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            pass
