"""The feed reaches the bus: what a submission came to is published for the stage that goes on.

A change of state is committed before anything of it is published, and what was not published when
a process died is published by the next one that follows the feed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from hilum.domain.delivery import EventFilter
from hilum.domain.errors import BusBacklogFull, BusUnavailable, LimitExceeded, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.domain.submissions import EVENT_OF_STATE, SUBMISSION_SETTLED, SubmissionState
from hilum.ports.bus import Bus, Message

_log = structlog.get_logger()

BUS_SUBSCRIPTION: Final = "bus"
"""Name of the follower that feeds the bus."""
NOTICES: Final = tuple(
    name for state, name in EVENT_OF_STATE.items() if state in SUBMISSION_SETTLED
)
"""Types of events after which no stage has work: whoever wants them may subscribe."""
WORK: Final = (
    EVENT_OF_STATE[SubmissionState.UPLOADED],
    EVENT_OF_STATE[SubmissionState.VALIDATED],
)
"""Types of events that a stage waits for."""
_KEYS_AT_ONCE: Final = 64


def published(*, beyond_the_process: bool) -> EventFilter:
    """What is published: within one process nobody but our stages can listen."""
    return EventFilter(types=(*WORK, *NOTICES) if beyond_the_process else WORK)


class BusSink:
    """`EventSink` over the bus between roles: the topic is the event's type."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._turns = asyncio.Semaphore(_KEYS_AT_ONCE)

    async def open(self) -> None:
        """Nothing to connect: the bus is open as long as the process."""

    async def close(self) -> None:
        """Leave the bus to its owner."""

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        """See `EventSink.send`. Copies of dead letters are left out: their rows tell of them."""
        lanes: dict[str, list[Event]] = {}
        for event in events:
            if event.type in EVENT_OF_STATE.values():
                lanes.setdefault(event.key, []).append(event)
        found = await asyncio.gather(
            *(self._publish(lane) for lane in lanes.values()), return_exceptions=True
        )
        # Only now: what is still on its way must not overtake what is sent again.
        rejected: list[Rejected] = []
        for each in found:
            if isinstance(each, BusUnavailable):
                raise SinkUnavailable(str(each)) from each
            if isinstance(each, BaseException):
                raise each
            rejected += each
        return rejected

    async def _publish(self, lane: Sequence[Event]) -> list[Rejected]:
        rejected = []
        async with self._turns:
            for event in lane:
                message = Message(event.event_id, event.key, event.body, _headers(event))
                try:
                    await self._bus.publish(event.type, message)
                except LimitExceeded as error:
                    rejected.append(Rejected(event.event_id, "message-too-large", str(error)))
                except BusBacklogFull:
                    if event.type not in NOTICES:
                        raise
                    # Nobody takes them: that must not hold up the work behind them.
                    _log.warning("notice_dropped", event_type=event.type, event_id=event.event_id)
        return rejected


def _headers(event: Event) -> Mapping[str, str]:
    return {
        **event.headers,
        "correlation_id": event.correlation_id,
        "event_type": event.type,
    }
