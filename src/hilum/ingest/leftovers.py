"""Objects whose rows were never committed and which an outage kept from being removed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog

from hilum.domain.errors import ArchiveFault, ArchiveUnavailable
from hilum.domain.identifiers import ObjectKey
from hilum.foundation import tasks
from hilum.ingest.recovery import settle
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore, WriteIntents

_log = structlog.get_logger("hilum.ingest")

_PAGE: Final = 100
_PAUSE_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 2.0


class Leftovers:
    """Settles them when index and object store are back, without waiting for the next start.

    Until then their intents stay noted, so that a process that ends before leaves them to the next.
    Senders that come again and again must not make that grow with the length of an outage: with
    `most` of them nothing more is taken in.
    """

    def __init__(
        self,
        intents: WriteIntents,
        index: InstanceReader,
        objects: ObjectStore,
        most: int = 10_000,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._intents = intents
        self._index = index
        self._objects = objects
        self._most = most
        self._pause = pause
        self._keys: dict[ObjectKey, None] = {}
        self._task: asyncio.Task[None] | None = None

    def demand_room(self) -> None:
        """Raise `ArchiveUnavailable` when there are too many."""
        if len(self._keys) >= self._most:
            message = (
                f"Index or object store are out: {len(self._keys)} unfinished writes wait for them"
                " (`ingest.unsettled_objects`)."
            )
            raise ArchiveUnavailable(message)

    def add(self, key: ObjectKey) -> None:
        """Take over an object whose intent is noted."""
        self._keys[key] = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="hilum-leftovers")

    async def close(self) -> None:
        """Try once more, but hold nobody up; what is left then is for the next start."""
        if self._task is not None:
            await tasks.end(self._task)
        with suppress(ArchiveFault, TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                while self._keys:
                    await self._settle()

    async def _run(self) -> None:
        settled = 0
        while self._keys:
            await self._pause(_PAUSE_SECONDS)
            with suppress(ArchiveFault):  # still out
                while self._keys:
                    settled += len(await self._settle())
        _log.info("objects_left_settled", objects=settled)

    async def _settle(self) -> Sequence[ObjectKey]:
        """A page of them; returns it. Raises `ArchiveFault`."""
        page = list(islice(self._keys, _PAGE))
        await settle(page, self._index, self._objects)
        for key in page:
            del self._keys[key]
            self._intents.end(key)
        return page
