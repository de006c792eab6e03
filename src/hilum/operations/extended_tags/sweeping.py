"""Removing, bit by bit, what deleted extended query tags had; goes on after a crash."""

import asyncio
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.foundation.bell import Bell
from hilum.foundation.tasks import end
from hilum.ports.extended_tags import ExtendedTagList

_log = structlog.get_logger("hilum.extended_tags")

_PAUSE_SECONDS: Final = 0.02
"""Between transactions, so that others have their turn."""


class TagSweeper:
    """Looks when `deleted` rings and every `every_seconds`; use with `async with`."""

    def __init__(
        self, tags: ExtendedTagList, deleted: Bell, *, rows: int, every_seconds: float
    ) -> None:
        self._tags = tags
        self._deleted = deleted
        self._rows = rows
        self._every_seconds = every_seconds

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="hilum-tag-sweeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    async def _run(self) -> None:
        while True:
            rung = self._deleted.rung
            try:
                await self._sweep()
            except ArchiveFault as error:
                _log.warning("extended_tag_sweep_failed", error=error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives a bug, the log tells it
                _log.error("extended_tag_sweep_failed", error=type(error).__name__)
            await self._deleted.wait(rung, self._every_seconds)

    async def _sweep(self) -> None:
        while await self._tags.sweep(self._rows):  # noqa: ASYNC110 - others are to have their turn
            await asyncio.sleep(_PAUSE_SECONDS)
