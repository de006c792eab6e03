"""Forgetting work items that ended long ago, and events that nobody fetches."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.ports.worklist import WorkitemEvents, Workitems

log = structlog.get_logger()

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Pruning:
    """May run in several processes at once."""

    workitems: Workitems
    events: WorkitemEvents
    clock: Clock
    retention: timedelta | None
    """None: work items are kept for ever."""
    event_retention: timedelta
    most_events: int
    """For one subscriber."""

    async def prune(self) -> None:
        """Raises `ArchiveFault`."""
        now = self.clock.now()
        dropped = await self.events.drop_old(now - self.event_retention, self.most_events)
        if dropped:
            log.warning("workitem_events_dropped", events=dropped)
        if self.retention is None:
            return
        count = 0
        while (page := await self.workitems.prune(now - self.retention, _PAGE)) > 0:
            count += page
        if count:
            log.info("workitems_pruned", workitems=count)


class PruningWorker:
    """Looks at once and every `every_seconds`; use with `async with`."""

    def __init__(self, pruning: Pruning, every_seconds: float) -> None:
        self._pruning = pruning
        self._every_seconds = every_seconds

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._pruning.prune()
            except ArchiveFault as error:
                log.warning("worklist_pruning_failed", error=error.code)
            except Exception as error:  # the worker outlives a bug, the log tells it
                log.exception("worklist_pruning_failed", error=type(error).__name__)
            await asyncio.sleep(self._every_seconds)
