"""Leases: of several processes on one database, one follows the feed under each name."""

import asyncio
from collections.abc import Sequence

import structlog

from hilum.domain.errors import HilumError
from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.foundation.outage import Outage
from hilum.ports.delivery import Leases

_log = structlog.get_logger()


class LeaseKeeper:
    """Takes the leases that are free, renews those it has three times as often as they end.

    A process that cannot reach the database stops following when its leases would have ended, so
    there is never a second one beside it for longer than their clocks differ.
    """

    def __init__(
        self,
        leases: Leases,
        names: Sequence[str],
        holder: str,
        clock: Clock,
        fed: Bell,
        seconds: float = 15.0,
    ) -> None:
        self._leases = leases
        self._names = names
        self._holder = holder
        self._clock = clock
        self._fed = fed
        self._seconds = seconds
        self._outage = Outage(clock)
        self._held: frozenset[str] = frozenset()
        self._until = 0.0

    def left(self, name: str) -> float:
        """Seconds for which nobody else can have the lease; 0 when it is not ours."""
        return max(0.0, self._until - self._clock.monotonic()) if name in self._held else 0.0

    async def renew(self) -> None:
        began = self._clock.monotonic()
        try:
            held = frozenset(await self._leases.hold(self._names, self._holder, self._seconds))
        except HilumError as error:
            if self._outage.met():
                _log.warning("leases_not_renewed", code=error.code)
            return
        if (seconds := self._outage.over()) is not None:
            _log.info("leases_renewed", seconds=seconds)
        self._until = began + self._seconds
        if held != self._held:
            _log.info("leases_held", names=sorted(held))
            self._held = held
            self._fed.ring()

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self.renew()
            await asyncio.sleep(self._seconds / 3)

    async def release(self) -> None:
        """Let another process go on at once."""
        self._held = frozenset()
        try:
            await self._leases.release(self._holder)
        except HilumError as error:
            _log.warning("leases_not_released", code=error.code)
