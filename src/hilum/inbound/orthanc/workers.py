"""Workers of one process: they claim studies that are due and see each visit to its end."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import structlog

from hilum.domain.arrivals import ArrivalState, Claimed, Settlement
from hilum.domain.errors import HilumError
from hilum.foundation.clock import Clock
from hilum.foundation.correlation import CORRELATION_ID
from hilum.inbound.orthanc.options import OrthancOptions
from hilum.inbound.orthanc.visiting import Visiting
from hilum.ports.arrivals import ArrivalWork

_log = structlog.get_logger(__name__)

_PAUSE_SECONDS: Final = 0.5


def new_worker() -> str:
    """A name that no other process has."""
    return uuid.uuid4().hex


class Workers:
    """Up to `studies_at_once` visits side by side, whichever source they go to."""

    def __init__(
        self,
        work: ArrivalWork,
        visitors: Mapping[str, Visiting],
        options: OrthancOptions,
        clock: Clock,
        worker: str,
    ) -> None:
        self._work = work
        self._visitors = visitors
        self._options = options
        self._clock = clock
        self._worker = worker
        self._running: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._error = ""

    def wake(self) -> None:
        """Something was noted: look at once."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then give back what was begun, so that others go on at once."""
        renewing = asyncio.create_task(self._renew())
        try:
            while True:
                self._wake.clear()
                if not await self._take():
                    await self._rest()
        finally:
            renewing.cancel()
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(renewing, *self._running.values(), return_exceptions=True)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._options.look_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _take(self) -> bool:
        """Claim what there are hands for; True when there may be more."""
        free = self._options.studies_at_once - len(self._running)
        sources = [name for name, one in self._visitors.items() if one.gate.is_open]
        if free < 1:
            return False
        until = self._clock.now() + timedelta(seconds=self._options.lease_seconds)
        try:
            claimed = await self._work.claim(self._worker, sources, free, until)
        except HilumError as error:
            self._tell(error)
            await asyncio.sleep(_PAUSE_SECONDS)
            return False
        self._error = ""
        for one in claimed:
            if one.key not in self._running:
                task = asyncio.create_task(self._see_through(one))
                self._running[one.key] = task
        return len(claimed) == free and free > 1

    async def _see_through(self, claimed: Claimed) -> None:
        CORRELATION_ID.set(claimed.correlation_id)
        try:
            try:
                settlement = await self._visitors[claimed.source].visit(claimed)
            except asyncio.CancelledError:
                await self._settle(claimed, _given_back(claimed))
                raise
            except Exception:  # noqa: BLE001 - a bug must not take the other studies along
                _log.error("orthanc_visit_failed", source=claimed.source, exc_info=True)
                settlement = self._after_bug(claimed)
            await self._settle(claimed, settlement)
        finally:
            self._running.pop(claimed.key, None)
            self._wake.set()

    async def _settle(self, claimed: Claimed, settlement: Settlement) -> None:
        """Save how the visit ended; when the database does not come back in time, nobody did it."""
        deadline = self._clock.monotonic() + self._options.lease_seconds
        while True:
            try:
                await self._work.settle(self._worker, claimed.key, settlement)
            except HilumError as error:
                self._tell(error)
                if self._clock.monotonic() > deadline:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease_seconds / 3)
            keys = list(self._running)
            if not keys:
                continue
            until = self._clock.now() + timedelta(seconds=self._options.lease_seconds)
            try:
                ours = set(await self._work.renew(self._worker, keys, until))
            except HilumError as error:
                self._tell(error)
                continue
            for key in set(keys) - ours:
                if key in self._running:
                    _log.warning("orthanc_lease_lost")
                    self._running[key].cancel()

    def _after_bug(self, claimed: Claimed) -> Settlement:
        wait = min(
            self._options.retry_seconds * 2 ** min(claimed.attempts, 30),
            self._options.maximum_retry_seconds,
        )
        return Settlement(
            ArrivalState.WAITING,
            attempts=claimed.attempts,
            due=self._clock.now() + timedelta(seconds=wait),
            error="An unexpected error: the log has it under the correlation id.",
            parts=claimed.parts,
            reported=claimed.reported,
        )

    def _tell(self, error: HilumError) -> None:
        if str(error) != self._error:
            self._error = str(error)
            _log.warning("orthanc_work_waits", reason=self._error)


def _given_back(claimed: Claimed) -> Settlement:
    return Settlement(
        ArrivalState.WAITING,
        attempts=claimed.attempts - 1,
        error="Given back when a process ended.",
        updated=claimed.updated,
        parts=claimed.parts,
        reported=claimed.reported,
    )
