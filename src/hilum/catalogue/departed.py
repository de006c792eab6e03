"""Finding what is still kept of instances that went without a word to this process.

Whoever frees an object forgets what was made of it, in its own cache. Other servers on the same
database have caches of their own, and an index that was restored knows less than before.
"""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from hilum.domain.errors import HilumError
from hilum.foundation import tasks
from hilum.foundation.clock import Clock
from hilum.foundation.outage import Outage
from hilum.ports.derived import Forgetting, HeldVersions
from hilum.ports.maintenance import KnowsVersions

_log = structlog.get_logger("hilum.derived")


class Departed:
    """A worker that compares a cache with the index, now and again; use with `async with`."""

    def __init__(
        self,
        held: HeldVersions,
        forgetting: Forgetting,
        index: KnowsVersions,
        clock: Clock,
        every_seconds: float,
    ) -> None:
        self._held = held
        self._forgetting = forgetting
        self._index = index
        self._outage = Outage(clock)
        self._every_seconds = every_seconds
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="departed")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await tasks.end(self._task)

    async def look(self) -> int:
        """Forget what no live version is left of; return how many versions that were.

        Raises `ArchiveFault`.
        """
        forgotten = 0
        async for versions in self._held.versions():
            live = await self._index.live(versions)
            for version in versions:
                if version not in live:
                    await self._forgetting.forget(version)
                    forgotten += 1
        return forgotten

    async def _run(self) -> None:
        while True:
            try:
                forgotten = await self.look()
            except HilumError as error:
                if self._outage.met():
                    _log.warning("derived_not_compared", error=error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives a bug, the log tells it
                _log.error("derived_comparison_failed", kind=type(error).__name__)
            else:
                self._outage.over()
                if forgotten:
                    _log.info("derived_objects_departed", versions=forgotten)
            await asyncio.sleep(self._every_seconds)
