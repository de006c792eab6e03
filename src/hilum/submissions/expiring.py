"""Ends what has been in quarantine long enough, and what crashes left of it in the holding."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Self

import structlog

from hilum.domain.errors import ArchiveFault
from hilum.domain.quarantine import Quarantined, QuarantineState
from hilum.domain.submissions import FileState
from hilum.foundation.clock import Clock
from hilum.foundation.tasks import end
from hilum.ports.holding import Holding
from hilum.ports.quarantine import QuarantineList
from hilum.ports.quarantine_telemetry import NoQuarantineMeter, QuarantineMeter
from hilum.submissions.quarantine import turn_at
from hilum.submissions.records import Submissions
from hilum.submissions.refusals import PLACES
from hilum.submissions.repairing import mended_of

log = structlog.get_logger()

_PAGE: Final = 100
_LEFT_BEHIND: Final = timedelta(hours=1)
"""Longer than it takes to add something that lies in the holding already, or to repair it."""
_GAUGE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Expiring:
    """May run in several processes at once."""

    quarantine: QuarantineList
    holding: Holding
    clock: Clock
    submissions: Submissions | None = None
    meter: QuarantineMeter = field(default_factory=NoQuarantineMeter)

    async def expire(self) -> int:
        """Free the bytes of all whose time is over; how many. Raises `ArchiveFault`."""
        count = 0
        while page := await self.quarantine.expired(self.clock.now(), _PAGE):
            for record in page:
                async with turn_at(self.holding, record.key):
                    await self._expire(record)
            await self.quarantine.forget([record.key for record in page])
            count += len(page)
        if count:
            log.info("quarantine_expired", files=count)
        return count

    async def _expire(self, record: Quarantined) -> None:
        now = self.clock.now()
        if await self.quarantine.decide(record.key, QuarantineState.EXPIRED, "", "", now):
            self.meter.decided(QuarantineState.EXPIRED)
            await self._note(record)
        await self.holding.discard(record.what.place)

    async def _note(self, record: Quarantined) -> None:
        """No new round: nobody did anything."""
        what = record.what
        if self.submissions is None or what.study_id is None or what.number is None:
            return
        notes = await self.submissions.files(what.study_id, what.number - 1, 1)
        for note in notes:
            if note.number == what.number and note.state is FileState.QUARANTINED:
                gone = replace(note, state=FileState.DISCARDED, place="")
                await self.submissions.note_files(what.study_id, [gone])

    async def sweep(self) -> int:
        """Remove what processes that died left of what they wanted to keep or to mend.

        The mended copy of something that is held stays: the archive may have it already, and the
        same repair, which is yet to be finished, would make another one.
        """
        before, count = self.clock.now() - _LEFT_BEHIND, 0
        async for held in self.holding.list():
            if held.since < before and await self._is_left(held.place):
                await self.holding.discard(held.place)
                count += 1
        return count

    async def _is_left(self, place: str) -> bool:
        if place.startswith(PLACES):
            return await self.quarantine.at(place) is None
        if (key := mended_of(place)) is None:
            return False
        record = await self.quarantine.get(key)
        return record is None or record.state is not QuarantineState.HELD

    async def gauge(self) -> None:
        """Tell how much is held."""
        self.meter.held(*await self.quarantine.totals())


class ExpiryWorker:
    """Looks at once and every `every_seconds`, sweeps less often; use with `async with`."""

    def __init__(
        self, expiring: Expiring, every_seconds: float, *, sweep_seconds: float = 3600.0
    ) -> None:
        self._expiring = expiring
        self._every_seconds = every_seconds
        self._sweep_seconds = sweep_seconds

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._run()),
            asyncio.create_task(self._gauge()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            await end(task)

    async def _run(self) -> None:
        swept: float | None = None
        while True:
            try:
                await self._expiring.expire()
                if swept is None or time.monotonic() - swept >= self._sweep_seconds:
                    await self._expiring.sweep()
                    swept = time.monotonic()
            except ArchiveFault as error:
                log.warning("quarantine_expiry_failed", error=error.code)
            except Exception as error:  # the worker outlives a bug, the log tells it
                log.exception("quarantine_expiry_failed", error=type(error).__name__)
            await asyncio.sleep(self._every_seconds)

    async def _gauge(self) -> None:
        while True:
            with suppress(ArchiveFault):  # readiness tells of it; the numbers stay as they were
                await self._expiring.gauge()
            await asyncio.sleep(_GAUGE_SECONDS)
