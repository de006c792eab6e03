"""Handing messages over: those of one key one after another, several keys at once.

Every engine but the one in process fills lanes of this kind with what it delivers. A lane is a key:
its messages rest, are tried again and die in their order while other lanes go on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from hilum.adapters.bus.envelopes import CORRELATION
from hilum.adapters.bus.options import BusOptions
from hilum.domain.errors import BusUnavailable, HilumError
from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.tasks import is_being_cancelled
from hilum.ports.bus import Handler, Message

log = structlog.get_logger()

CRASHED: Final = "crashed"
"""The cause of death of a message whose every attempt ended with the end of its process."""
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0

T = TypeVar("T")


class PartitionLost(Exception):
    """The part of the topic belongs to another process now: stop, and leave its messages alone."""


class Delivery(Protocol):
    """A message in hand."""

    @property
    def message(self) -> Message: ...

    async def begin(self) -> int:
        """Count one more handing over where the count outlives this process; return the count.

        Raises `PartitionLost`, or `BusUnavailable` when it is to be tried again.
        """
        ...

    async def done(self) -> None:
        """The group is through with it. Raises as `begin` does."""
        ...


Bury = Callable[[Message, str, int], Awaitable[None]]
"""Puts a message on the dead topic, with cause and attempts; durable on return."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a subscription does with its messages, whichever part they are from."""

    topic: str
    group: str
    handler: Handler
    attempts: int
    concurrency: int
    bury: Bury
    options: BusOptions
    slots: asyncio.Semaphore = field(init=False)
    """As many as keys may be handled at once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", asyncio.Semaphore(self.concurrency))

    async def failure_of(self, message: Message) -> str:
        """Call the handler; return a word for the cause when it failed, else an empty text."""
        token = CORRELATION_ID.set(message.headers.get(CORRELATION, ""))
        try:
            await self.handler(message)
        except asyncio.CancelledError:
            if is_being_cancelled():
                raise
            return "cancelled"
        except Exception as error:  # noqa: BLE001 - a handler may fail as it likes
            cause = error.code if isinstance(error, HilumError) else type(error).__name__
            log.warning(
                "bus_message_failed", **self._told(message), cause=cause, attempt=message.attempt
            )
            return cause
        finally:
            CORRELATION_ID.reset(token)
        return ""

    async def give_up(self, message: Message, cause: str, attempts: int) -> None:
        await self.bury(message, cause, attempts)
        log.error("bus_message_dead", **self._told(message), cause=cause, attempts=attempts)

    def _told(self, message: Message) -> dict[str, str]:
        return {"topic": self.topic, "group": self.group, "message_id": message.message_id}


@dataclass(slots=True, eq=False)
class _Lane:
    waiting: deque[Delivery] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    busy: bool = False
    """A message is with the handler, or on its way there or back."""


class Lanes:
    """The messages in hand of one part of a topic."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._lanes: dict[str, _Lane] = {}
        self._closing = False
        self._changed = asyncio.Event()
        self.in_hand = 0
        self.lost = asyncio.Event()
        """Set when a delivery found that the part belongs to another process now."""

    def put(self, delivery: Delivery) -> None:
        """Take a message in; those of one key have to come in their order."""
        self.in_hand += 1
        lane = self._lanes.setdefault(delivery.message.key, _Lane())
        lane.waiting.append(delivery)
        if lane.task is None:
            lane.task = asyncio.create_task(self._run(delivery.message.key, lane))

    async def room(self) -> int:
        """How many more messages may be put, once that is at least one."""
        while (room := self._work.options.prefetch - self.in_hand) <= 0:
            self._changed.clear()
            await self._changed.wait()
        return room

    async def idle(self) -> None:
        """Return once nothing is in hand."""
        while self.in_hand:
            self._changed.clear()
            await self._changed.wait()

    async def finish(self, seconds: float) -> None:
        """Hand nothing more over; let running handlers end, those that take too long by force."""
        self._closing = True
        tasks = []
        for lane in self._lanes.values():
            if lane.task is not None:
                tasks.append(lane.task)
                if not lane.busy:
                    lane.task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        await self.cut()

    async def cut(self) -> None:
        """Stop at once: what is in hand is handed over by somebody else."""
        self._closing = True
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()
        self.in_hand = 0
        self._changed.set()

    async def _run(self, key: str, lane: _Lane) -> None:
        try:
            while lane.waiting and not self._closing:
                if not await self._handled(lane, lane.waiting[0]):
                    return
                lane.busy = False
                lane.waiting.popleft()
                self.in_hand -= 1
                self._changed.set()
            if not lane.waiting:
                del self._lanes[key]
        except PartitionLost:
            self.lost.set()
        except Exception:
            log.exception("bus_failed", topic=self._work.topic, group=self._work.group)
            self.lost.set()  # whoever takes the part next, we among them, begins where it stands
        finally:
            lane.busy = False

    async def _handled(self, lane: _Lane, delivery: Delivery) -> bool:
        """Have one message handled, however many attempts that takes; False: closed meanwhile."""
        work = self._work
        while not self._closing:
            async with work.slots:
                lane.busy = True
                attempt = await _insist(delivery.begin)
                cause = CRASHED
                if attempt <= work.attempts:
                    cause = await work.failure_of(replace(delivery.message, attempt=attempt))
                if not cause:
                    await _insist(delivery.done)
                    return True
            if attempt >= work.attempts:
                given = min(attempt, work.attempts)
                await _insist(partial(work.give_up, delivery.message, cause, given))
                await _insist(delivery.done)
                return True
            lane.busy = False
            await asyncio.sleep(work.options.pause_after(attempt))
        return False


async def _insist(action: Callable[[], Awaitable[T]]) -> T:
    """Try until the engine answers; an outage that lasts ends with the part being lost."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return await action()
        except BusUnavailable:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
