"""Sending through outages: a sink that is down is asked again, ever more seldom, without end."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from hilum.delivery.options import Backoff, RelayOptions
from hilum.delivery.place import TurnEnded
from hilum.delivery.surroundings import Surroundings
from hilum.domain.errors import HilumError, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.ports.sinks import EventSink

_log = structlog.get_logger()

SINK_ERROR: Final = "sink-error"
_TOLD_AGAIN_SECONDS: Final = 600.0

Look = Callable[[], Awaitable[bool]]
"""Raises `TurnEnded` when it is not our turn any more; True: try a sink that is down at once."""


class Sending:
    """One sink as the relay of one subscription uses it."""

    def __init__(
        self, name: str, sink: EventSink, options: RelayOptions, around: Surroundings
    ) -> None:
        self._name = name
        self._sink = sink
        self._options = options
        self._around = around
        self._clock = around.clock
        self._backoff = Backoff(options.first_pause_seconds, options.longest_pause_seconds)
        self._is_open = False
        self._stopping = False
        self._told = 0.0
        self._down_since: float | None = None

    @property
    def available(self) -> bool:
        """False while it is waited for."""
        return self._down_since is None

    async def open(self) -> None:
        """Connect. Raises `SinkUnavailable`."""
        await self._sink.open()
        self._is_open = True

    def missed(self) -> None:
        """The sink was away at the start: it is waited for from now on."""
        self._down_since = self._told = self._clock.monotonic()
        self._backoff.next()

    def leave_alone(self) -> None:
        """Nobody waits for the sink now: its subscription is paused, gone, or told by another."""
        self._down_since = None
        self._backoff.reset()

    async def reach(self, look: Look) -> bool:
        """Connect although there is nothing to send, so that an outage ends by itself.

        True when the sink was down and is back. Raises `TurnEnded` as `send` does.
        """
        while not self._is_open:
            await look()
            try:
                await self.open()
            except SinkUnavailable as error:
                await self._outage(str(error), look, error.retry_after_seconds)
            except Exception as error:  # noqa: BLE001 (a bug of the sink must not end the follower)
                _log.exception("sink_failed", subscription=self._name)
                await self._outage(f"The sink failed ({type(error).__name__}).", look)
            else:
                return self._recovered()
        return False

    def stop(self) -> None:
        """From now on an outage ends the turn instead of being waited for."""
        self._stopping = True

    async def close(self) -> None:
        self.leave_alone()
        if self._is_open:
            self._is_open = False
            await self._sink.close()

    async def send(self, events: Sequence[Event], look: Look) -> Sequence[Rejected]:
        """Return when every event is at the far side, but for those returned.

        Raises `TurnEnded` when `look` does, when the lease ends while the sink is at it, or when
        the sink is down while the process stops.
        """
        if not events:
            return []
        strange = 0
        while True:
            await look()
            began = self._clock.monotonic()
            try:
                if not self._is_open:
                    await self.open()
                rejected = await self._within_lease(events)
            except TurnEnded:
                raise
            except SinkUnavailable as error:
                await self._outage(str(error), look, error.retry_after_seconds)
            except Exception as error:  # noqa: BLE001 (a bug, or an event the sink stumbles over)
                strange += 1
                _log.exception("sink_failed", subscription=self._name)
                if strange >= self._options.attempts:
                    return await self._one_by_one(events, error, look)
                await self._outage(f"The sink failed ({type(error).__name__}).", look)
            else:
                seconds = self._clock.monotonic() - began
                self._around.meter.sent(self._name, len(events) - len(rejected), seconds)
                self._recovered()
                return rejected

    async def _within_lease(self, events: Sequence[Event]) -> Sequence[Rejected]:
        """Send for as long as the lease lasts: whoever takes over begins with the same events."""
        if self._around.lease_left(self._name) == math.inf:
            return await self._sink.send(events)
        sending = asyncio.ensure_future(self._sink.send(events))
        try:
            while not sending.done():
                left = self._around.lease_left(self._name)  # renewed meanwhile, as a rule
                if left <= 0:
                    _log.warning("lease_lost_while_sending", subscription=self._name)
                    raise TurnEnded
                await asyncio.wait([sending], timeout=left)
            return await sending
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _one_by_one(
        self, events: Sequence[Event], error: Exception, look: Look
    ) -> Sequence[Rejected]:
        """Find out which event it is that the sink stumbles over, so that the others go on."""
        if len(events) == 1:
            message = f"The sink fails with this event ({type(error).__name__}): see the log."
            return [Rejected(events[0].event_id, SINK_ERROR, message)]
        rejected: list[Rejected] = []
        for event in events:
            rejected.extend(await self.send([event], look))
        return rejected

    async def _outage(self, text: str, look: Look, asked_for: float | None = None) -> None:
        """Pause as long as the sink asked for, within our own bounds; else ever longer."""
        now = self._clock.monotonic()
        pause = self._backoff.next()
        if asked_for is not None:
            bounds = self._options
            pause = min(max(asked_for, bounds.first_pause_seconds), bounds.longest_pause_seconds)
        if self._down_since is None:
            self._down_since = now
        self._around.meter.failed(self._name)
        if self._backoff.failures == 1 or now - self._told >= _TOLD_AGAIN_SECONDS:
            self._told = now
            seconds = round(now - self._down_since, 1)
            _log.warning("sink_unavailable", subscription=self._name, error=text, seconds=seconds)
        again = self._clock.now() + timedelta(seconds=pause)
        with suppress(HilumError):  # the follower asks the same database next, and tells of it
            await self._around.store.subscriptions.fail(
                self._name, text, self._backoff.failures, again
            )
        if self._stopping:
            raise TurnEnded
        await self._rest(now + pause, look)

    async def _rest(self, until: float, look: Look) -> None:
        """Pause, and look around meanwhile: somebody may pause it, or move it, or stop us."""
        while (left := until - self._clock.monotonic()) > 0:
            nudged = self._around.nudged
            rung = nudged.rung
            await self._around.wait(nudged, rung, min(left, self._options.poll_seconds))
            if self._stopping:
                raise TurnEnded
            if await look() or nudged.rung != rung:
                return  # a command: try at once

    def _recovered(self) -> bool:
        was_down = self._down_since is not None
        if self._down_since is not None:
            seconds = round(self._clock.monotonic() - self._down_since, 1)
            _log.info("sink_recovered", subscription=self._name, seconds=seconds)
            self._down_since = None
        self._backoff.reset()
        return was_down
