"""Sharing the parts of a topic among the members of a group, where the engine does not do it."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

import structlog

from hilum.adapters.bus.lanes import Lanes, PartitionLost, Work
from hilum.domain.errors import BusUnavailable

log = structlog.get_logger()

_AGAIN_SECONDS: Final = 0.5


class Share(Protocol):
    """A part of a topic that this process owns now."""

    partition: int
    lanes: Lanes

    async def feed(self) -> None:
        """Put into the lanes what is there and what comes, until cancelled.

        Raises `PartitionLost`, or `BusUnavailable` when it is to be called again.
        """
        ...

    async def release(self) -> None:
        """Let others have it; what is unacknowledged comes to them in its order."""
        ...


class Sharer(Protocol):
    """A group at the engine, as one member sees it."""

    async def partitions(self) -> int:
        """How many parts the topic has; makes topic and group where they do not exist.

        Asked again and again, so it should remember.
        """
        ...

    async def members(self, owned: Iterable[int]) -> int:
        """Tell that we live, and keep what we own; the answer is how many members live."""
        ...

    async def take(self, partition: int) -> Share | None:
        """The part, when nobody owns it."""
        ...

    async def leave(self) -> None: ...


class _Held:
    def __init__(self, share: Share, task: asyncio.Task[None]) -> None:
        self.share = share
        self.task = task
        self.leaving = False


class Membership:
    """One member: owns its fair share of the parts and hands over what is in them."""

    def __init__(self, sharer: Sharer, work: Work) -> None:
        self._sharer = sharer
        self._work = work
        self._held: dict[int, _Held] = {}
        self._reachable = True
        self._joined = asyncio.Event()

    async def joined(self) -> None:
        """Return once the group exists at the engine, or the engine turned out not to answer."""
        await self._joined.wait()

    async def run(self) -> None:
        """Take part until cancelled; outages are waited out."""
        while True:
            try:
                await self._beat(await self._sharer.partitions())
                self._tell(reachable=True)
            except BusUnavailable as error:
                self._tell(reachable=False, description=str(error))
            except Exception:
                log.exception("bus_failed", topic=self._work.topic, group=self._work.group)
            self._joined.set()
            await asyncio.sleep(self._work.options.heartbeat_seconds)

    async def close(self) -> None:
        """Give everything back; running handlers may end."""
        seconds = self._work.options.finish_seconds
        await asyncio.gather(*(self._give_back(held, seconds) for held in self._owned()))
        with suppress(BusUnavailable):
            await self._sharer.leave()

    async def keep(self) -> None:
        """Keep the parts owned while handlers end; takes none."""
        while True:
            with suppress(BusUnavailable):
                await self._sharer.members(list(self._held))
            await asyncio.sleep(self._work.options.heartbeat_seconds)

    def _owned(self) -> list[_Held]:
        return list(self._held.values())

    async def _beat(self, partitions: int) -> None:
        members = await self._sharer.members(list(self._held))
        fair = -(-partitions // max(members, 1))
        staying = [held for held in self._owned() if not held.leaving]
        for held in staying[fair:]:
            held.leaving = True
            held.share.lanes.lost.set()
        free = [number for number in range(partitions) if number not in self._held]
        random.shuffle(free)  # members that look at the same time should not fight over one
        for number in free:
            if len(self._held) >= fair:
                break
            if share := await self._sharer.take(number):
                self._hold(share)

    def _hold(self, share: Share) -> None:
        task = asyncio.create_task(self._work_on(share))
        self._held[share.partition] = _Held(share, task)

    async def _work_on(self, share: Share) -> None:
        """Feed the lanes of an owned part until it is lost or to be given up."""
        lost = asyncio.create_task(share.lanes.lost.wait())
        feeding = asyncio.create_task(_fed(share, self._work.options.heartbeat_seconds / 4))
        try:
            await asyncio.wait((lost, feeding), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (lost, feeding):
                task.cancel()
            _, failure = await asyncio.gather(lost, feeding, return_exceptions=True)
        if isinstance(failure, Exception):
            told = {"topic": self._work.topic, "group": self._work.group}
            log.error("bus_failed", **told, exc_info=failure)
        held = self._held[share.partition]
        seconds = self._work.options.finish_seconds if held.leaving else 0.0
        await self._end(share, seconds)

    async def _give_back(self, held: _Held, seconds: float) -> None:
        held.leaving = True
        held.share.lanes.lost.set()
        await asyncio.wait((held.task,), timeout=seconds + self._work.options.request_seconds)
        held.task.cancel()
        await asyncio.gather(held.task, return_exceptions=True)

    async def _end(self, share: Share, seconds: float) -> None:
        try:
            await share.lanes.finish(seconds)
            with suppress(BusUnavailable, PartitionLost):
                await share.release()
        finally:
            self._held.pop(share.partition, None)

    def _tell(self, *, reachable: bool, description: str = "") -> None:
        if reachable == self._reachable:
            return
        self._reachable = reachable
        told = {"topic": self._work.topic, "group": self._work.group}
        if reachable:
            log.info("bus_recovered", **told)
        else:
            log.warning("bus_unavailable", **told, description=description)


async def _fed(share: Share, pause: float) -> None:
    while True:
        try:
            await share.feed()
        except BusUnavailable:
            await asyncio.sleep(pause)
        except PartitionLost:
            return


@asynccontextmanager
async def taking_part(membership: Membership) -> AsyncIterator[None]:
    """Be a member inside the block."""
    running = asyncio.create_task(membership.run())
    try:
        await membership.joined()
        yield
    finally:
        await _ended(running)
        keeping = asyncio.create_task(membership.keep())
        try:
            await membership.close()
        finally:
            await _ended(keeping)


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task that has nothing to finish, again and again until it ends.

    A client's library may lose a cancellation that comes at the same moment as what it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_AGAIN_SECONDS)
    await asyncio.gather(task, return_exceptions=True)
