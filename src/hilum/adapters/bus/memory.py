"""The bus of one process: `memory://`.

A topic keeps what is published before its first group exists; that group gets it all. Later groups
get what is published from then on. Nothing outlives the process.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Self

from hilum.adapters.bus.envelopes import accepted
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.options import BusOptions, demand_word
from hilum.adapters.bus.subscribing import Subscribing
from hilum.domain.errors import BusBacklogFull, BusUnavailable
from hilum.ports.bus import Message


@dataclass(slots=True, eq=False)
class _Entry:
    message: Message
    attempts: int = 0
    cause: str = ""
    """Why the last attempt failed."""


class _Group:
    """What one group has still to handle, by key."""

    def __init__(self) -> None:
        self._keys: dict[str, deque[_Entry]] = {}
        self._ready: asyncio.Queue[str] = asyncio.Queue()
        self.messages = 0
        self.size_bytes = 0

    def add(self, message: Message) -> None:
        waiting = self._keys.setdefault(message.key, deque())
        waiting.append(_Entry(message))
        self.messages += 1
        self.size_bytes += len(message.body)
        if len(waiting) == 1:
            self.offer(message.key)

    async def take(self) -> _Entry:
        """The oldest message of a key of which none is being handled."""
        return self._keys[await self._ready.get()][0]

    def offer(self, key: str) -> None:
        """Let somebody take the oldest message of `key`, which nobody has."""
        self._ready.put_nowait(key)

    def settle(self, entry: _Entry) -> None:
        """Forget a message that was taken, and offer the next of its key."""
        key = entry.message.key
        waiting = self._keys[key]
        waiting.popleft()
        self.messages -= 1
        self.size_bytes -= len(entry.message.body)
        if waiting:
            self.offer(key)
        else:
            del self._keys[key]


@dataclass(slots=True)
class _Topic:
    early: _Group | None = field(default_factory=_Group)
    """What came before the first group, which takes it over."""
    groups: dict[str, _Group] = field(default_factory=dict)

    def group(self, name: str) -> _Group:
        if name not in self.groups:
            self.groups[name] = self.early or _Group()
            self.early = None
        return self.groups[name]

    def receivers(self) -> list[_Group]:
        return [self.early] if self.early else list(self.groups.values())


class MemoryBus(Subscribing):
    """`Bus` among the tasks of one event loop."""

    name = "bus"

    def __init__(self, options: BusOptions) -> None:
        super().__init__(options)
        self._topics: dict[str, _Topic] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._topics.clear()

    async def __call__(self) -> str:
        """Readiness: a few words about the state."""
        waiting = [group.messages for topic in self._topics.values() for group in topic.receivers()]
        return f"In process, {sum(waiting)} messages waiting."

    async def publish(self, topic: str, message: Message) -> None:
        message = accepted(message, self._options.message_bytes)
        receivers = self._topics.setdefault(demand_word("topic", topic), _Topic()).receivers()
        for group in receivers:
            self._demand_room(topic, group, message)
        for group in receivers:
            group.add(message)

    def _demand_room(self, topic: str, group: _Group, message: Message) -> None:
        options = self._options
        if group.messages >= options.backlog_messages * options.partitions:
            bound = "bus.backlog_messages"
        elif group.size_bytes + len(message.body) > options.memory_bytes:
            bound = "bus.memory_bytes"
        else:
            return
        text = f"Topic {topic} takes no more until a group has caught up (setting {bound})."
        raise BusBacklogFull(text)

    def _member(self, work: Work) -> AbstractAsyncContextManager[None]:
        topic = self._topics.setdefault(work.topic, _Topic())
        return _taking_part(topic.group(work.group), work)


@asynccontextmanager
async def _taking_part(group: _Group, work: Work) -> AsyncIterator[None]:
    workers = [_Worker(group, work) for _ in range(work.concurrency)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker, task in zip(workers, tasks, strict=True):
            worker.closing = True
            if not worker.busy:
                task.cancel()
        await asyncio.wait(tasks, timeout=work.options.finish_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Worker:
    """Handles one message at a time."""

    def __init__(self, group: _Group, work: Work) -> None:
        self._group = group
        self._work = work
        self.busy = False
        self.closing = False

    async def run(self) -> None:
        while not self.closing:
            entry = await self._group.take()
            self.busy = True
            try:
                settled = await self._settled(entry)
            except BaseException:
                self._group.offer(entry.message.key)
                raise
            if settled:
                self._group.settle(entry)
            else:
                pause = self._work.options.pause_after(entry.attempts)
                loop = asyncio.get_running_loop()
                loop.call_later(pause, self._group.offer, entry.message.key)
            self.busy = False

    async def _settled(self, entry: _Entry) -> bool:
        """Hand a message over; False: it is to be tried again."""
        work = self._work
        if entry.attempts < work.attempts:
            entry.attempts += 1
            message = replace(entry.message, attempt=entry.attempts)
            entry.cause = await work.failure_of(message)
        if not entry.cause:
            return True
        if entry.attempts < work.attempts:
            return False
        try:
            await work.give_up(entry.message, entry.cause, entry.attempts)
        except BusUnavailable:  # the dead topic is full: ask again later, this key waits
            return False
        return True
