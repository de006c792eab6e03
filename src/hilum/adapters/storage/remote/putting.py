"""Putting an object once, whole, where no other lies.

A small object is one conditional request. A large one is uploaded in parts, which no client
makes conditional, while a small object beside it, put conditionally, claims its name. A server
that does not know conditional puts is looked at before each put; then only the writers of this
process exclude each other.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

import structlog

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.remote.bucket import Bucket, Taken
from hilum.adapters.storage.remote.options import RemoteLimits
from hilum.adapters.storage.remote.same import Bytes, FileBytes, is_same
from hilum.adapters.storage.remote.trial import knows_conditional_puts
from hilum.domain.errors import ArchiveFault, ArchiveUnavailable, ObjectExists
from hilum.domain.instances import Content, InMemory, Spooled

_log = structlog.get_logger("hilum.storage")

INCOMING: Final = "incoming"
"""Below it lie claims and trials of the server; what is old there was abandoned."""
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0


class Putting:
    """Puts into one bucket. `conditional` is None when the server has to be tried."""

    def __init__(self, bucket: Bucket, limits: RemoteLimits, *, conditional: bool | None) -> None:
        self._bucket = bucket
        self._limits = limits
        self._conditional = conditional
        self._trying = asyncio.Lock()
        self._uploads = asyncio.Semaphore(limits.uploads)
        self._large = asyncio.Semaphore(limits.large_uploads)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def put(self, path: str, content: Content) -> None:
        """See `ObjectStore.put_once`; a spooled file goes when the store has confirmed."""
        if isinstance(content, InMemory):
            async with self._uploads:
                await self._put_bytes(path, content.data)
            return
        async with self._large:
            await self._put_spooled(path, content)
        with suppress(OSError):
            await asyncio.to_thread(content.path.unlink)

    async def _put_spooled(self, path: str, content: Spooled) -> None:
        try:
            found = (await asyncio.to_thread(content.path.stat)).st_size
            if found != content.size_bytes:
                message = "A spooled instance has not the size it had when it came."
                raise ArchiveUnavailable(message)
            if found <= self._limits.part_bytes:
                await self._put_bytes(path, await asyncio.to_thread(content.path.read_bytes))
                return
        except OSError as error:
            raise archive_fault(error, "reading a spooled instance") from error
        async with self._claim(path):
            await self._put_parts(path, content.path, content.size_bytes)

    async def _put_bytes(self, path: str, data: bytes) -> None:
        content = Bytes(data)
        if not await self._is_conditional():
            async with self._turn(path):
                if await is_same(self._bucket, path, content, self._limits.chunk_bytes):
                    return
                await self._bucket.overwrite(path, data)
        elif not await self._create(path, content):
            return
        await self._verify(path, content)

    async def _create(self, path: str, content: Bytes) -> bool:
        """Put conditionally; False when the same bytes were there. Raises `ObjectExists`."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._bucket.create(path, content.data)
            except Taken:
                if await is_same(self._bucket, path, content, self._limits.chunk_bytes):
                    return False
                if pause > _LONGEST_PAUSE_SECONDS:
                    message = "A name that an object was to have is taken, and nothing lies there."
                    raise ObjectExists(message) from None
                # Another put of this name was under way, or a delete; neither left anything.
                await asyncio.sleep(pause)
                pause *= 2
            else:
                return True

    async def _put_parts(self, path: str, file: Path, size_bytes: int) -> None:
        content = FileBytes(file, size_bytes)
        if await is_same(self._bucket, path, content, self._limits.chunk_bytes):
            return
        await self._bucket.upload(path, file, size_bytes)
        await self._verify(path, content, parts=True)

    async def _verify(self, path: str, content: Bytes | FileBytes, *, parts: bool = False) -> None:
        """Look at what the store has confirmed; what is not what was sent goes again."""
        if self._limits.verify == "bytes":
            try:
                good = await is_same(self._bucket, path, content, self._limits.chunk_bytes)
            except ObjectExists:
                good = False
        elif parts:
            good = await self._bucket.size(path) == content.size_bytes
        else:
            return
        if not good:
            await self._bucket.remove(path)
            message = "The object store confirmed an object and then gave back other bytes."
            raise ArchiveUnavailable(message)

    @asynccontextmanager
    async def _claim(self, path: str) -> AsyncIterator[None]:
        """Be the only writer of `path`, here and in other processes, as far as the server can."""
        async with self._turn(path):
            if not await self._is_conditional():
                yield
                return
            claim = claim_of(path)
            await self._take(claim)
            try:
                yield
            finally:
                with suppress(ArchiveFault):  # an old claim is removed at a start
                    await self._bucket.remove(claim)

    async def _take(self, claim: str) -> None:
        deadline = time.monotonic() + self._limits.operation_seconds
        pause = _FIRST_PAUSE_SECONDS
        token = secrets.token_hex(16).encode()
        while True:
            try:
                await self._bucket.create(claim, token)
            except Taken:
                held = await self._bucket.read_if_there(claim, 0, len(token))
                if held == token:
                    return  # ours: the answer to the first attempt was lost
                pause = await self._pause(pause, deadline)
            else:
                return

    async def _pause(self, seconds: float, deadline: float) -> float:
        if time.monotonic() + seconds > deadline:
            message = "Another process is putting an object under the same name and does not end."
            raise ArchiveUnavailable(message)
        await asyncio.sleep(seconds)
        return min(2 * seconds, _LONGEST_PAUSE_SECONDS)

    @asynccontextmanager
    async def _turn(self, path: str) -> AsyncIterator[None]:
        turn = self._turns.get(path)
        if turn is None:
            turn = self._turns[path] = asyncio.Lock()
        async with turn:
            yield

    async def _is_conditional(self) -> bool:
        if self._conditional is None:
            async with self._trying:
                if self._conditional is None:
                    trial = f"{INCOMING}/{secrets.token_hex(16)}.trial"
                    self._conditional = await knows_conditional_puts(self._bucket, trial)
                    if not self._conditional:
                        _log.warning("object_store_without_conditional_puts")
        return self._conditional


def claim_of(path: str) -> str:
    """Where the writer of a large object at `path` says that it is at work."""
    return f"{INCOMING}/{hashlib.sha256(path.encode()).hexdigest()[:40]}.claim"
