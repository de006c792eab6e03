"""Deleting studies whose time is over (Azure DICOM service: expiry)."""

import asyncio
from dataclasses import dataclass
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.domain.origins import Door, Origin
from hilum.foundation.clock import Clock
from hilum.foundation.ids import new_correlation_id
from hilum.foundation.outage import Outage
from hilum.foundation.tasks import end
from hilum.ports.expiry import Expiries

_log = structlog.get_logger("hilum.expiry")
_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class ExpireStudies:
    """Deletes what is expired, each study in a transaction of its own, as DELETE does.

    May run in several processes at once: of two that find the same study one deletes it.
    """

    expiries: Expiries
    clock: Clock

    async def __call__(self) -> int:
        """Return how many instances went. Raises `ArchiveUnavailable`."""
        gone = 0
        while page := await self.expiries.expired(self.clock.now(), _PAGE):
            for study in page:
                origin = Origin(Door.DELETE, new_correlation_id())
                instances = await self.expiries.delete_expired(study, self.clock.now(), origin)
                if instances:
                    _log.info(
                        "study_expired",
                        instances=instances,
                        correlation_id=origin.correlation_id,
                    )
                gone += instances
        return gone


class ExpiryWorker:
    """Looks at once and every `every_seconds`; use with `async with`."""

    def __init__(self, expire: ExpireStudies, every_seconds: float) -> None:
        self._expire = expire
        self._every_seconds = every_seconds
        self._outage = Outage(expire.clock)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="study-expiry")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    async def _run(self) -> None:
        while True:
            try:
                await self._expire()
            except ArchiveFault as error:
                if self._outage.met():
                    _log.warning("study_expiry_failed", error=error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives a bug, the log tells it
                _log.error("study_expiry_failed", error=type(error).__name__)
            else:
                if (seconds := self._outage.over()) is not None:
                    _log.info("study_expiry_back", seconds=seconds)
            await asyncio.sleep(self._every_seconds)
