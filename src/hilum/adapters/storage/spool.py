"""Files in which large bodies rest while they arrive.

They lie on the archive's own file system, so that the object store can take them over by a link
instead of a copy. What a dead process left is removed at the next start.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Self

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.process_folder import ProcessFolder, remove_abandoned
from hilum.adapters.storage.system import PosixSystem, System, write_all

_FLUSH_BYTES: Final = 64 << 20
"""Written bytes are pushed to the disk this often, so that keeping a large instance does not end
in one long flush."""


class DiskSpool:
    """The spool below `folder`; open it with `async with`.

    `threads` is how many files are written at the same time, `buffer_bytes` how much is gathered
    in memory, per file, before it is handed to a thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 4,
        buffer_bytes: int = 1 << 20,
        reserve_bytes: int = 512 << 20,
        system: System | None = None,
    ) -> None:
        self._folder = folder
        self._buffer_bytes = buffer_bytes
        self._system = system or PosixSystem()
        self._pool = ThreadPoolExecutor(threads, "hilum-spool")
        self._names = itertools.count()
        self._reserve_bytes = reserve_bytes

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise archive_fault(error, "opening the spool") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    @asynccontextmanager
    async def create(self) -> AsyncIterator["DiskSpoolFile"]:
        """See `Spool.create`."""
        path = self.fresh_path()
        try:
            fd = self._system.create(os.fspath(path))
        except OSError as error:
            raise archive_fault(error, "spooling an instance") from error
        file = DiskSpoolFile(
            path, fd, self._pool, self._free_space, self._system, self._buffer_bytes
        )
        try:
            yield file
        finally:
            await file.discard()

    def fresh_path(self) -> Path:
        """A name in the spool that nothing has yet, for a file that is brought there."""
        return self._own.path / str(next(self._names))

    def _open(self) -> None:
        remove_abandoned(self._folder)
        self._own = ProcessFolder(self._folder)
        self._free_space = FreeSpace(self._own.path, self._reserve_bytes)

    def _close(self) -> None:
        self._pool.shutdown()
        self._own.close()


class DiskSpoolFile:
    """One file being filled. Not for use by two tasks at once."""

    def __init__(
        self,
        path: Path,
        fd: int,
        pool: ThreadPoolExecutor,
        free_space: FreeSpace,
        system: System,
        buffer_bytes: int,
    ) -> None:
        self._path = path
        self._fd = fd
        self._pool = pool
        self._free_space = free_space
        self._system = system
        self._buffer_bytes = buffer_bytes
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._size = 0
        self._unflushed = 0
        self._writing: asyncio.Future[None] | None = None

    @property
    def path(self) -> Path:
        return self._path

    async def write(self, data: bytes) -> None:
        """See `SpoolFile.write`. A lack of space may show at a later write or at `finish`."""
        self._gathered.append(bytes(data))
        self._gathered_bytes += len(data)
        if self._gathered_bytes >= self._buffer_bytes:
            await self._push()

    async def finish(self) -> int:
        """See `SpoolFile.finish`."""
        await self._push()
        await self._settle()
        self._close()
        return self._size

    async def discard(self) -> None:
        """Close, and remove the file unless it was taken away."""
        if self._writing is not None and not self._writing.done():
            # A cancelled door does not stop a thread that writes: the descriptor waits for it.
            self._writing.add_done_callback(self._remove_after)
        else:
            self._remove()

    async def _push(self) -> None:
        """Hand what was gathered to a thread, after the piece before was written."""
        await self._settle()
        if not self._gathered:
            return
        pieces, self._gathered = self._gathered, []
        self._size += self._gathered_bytes
        self._gathered_bytes = 0
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._pool, self._write, pieces)

    async def _settle(self) -> None:
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            raise archive_fault(error, "spooling an instance") from error
        self._writing = None

    def _write(self, pieces: list[bytes]) -> None:
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._free_space.demand(len(data))
        write_all(self._system, self._fd, data)
        self._unflushed += len(data)
        if self._unflushed >= _FLUSH_BYTES:
            self._system.fdatasync(self._fd)
            self._unflushed = 0

    def _remove_after(self, writing: "asyncio.Future[None]") -> None:
        if not writing.cancelled():
            writing.exception()  # nobody else asks
        self._remove()

    def _remove(self) -> None:
        self._close()
        with suppress(OSError):
            self._path.unlink()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
