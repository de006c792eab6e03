"""Turns at something with a name, for all tasks of all processes that share a folder.

Files in the folder are locked with `flock`, which the kernel lets go of when a process dies,
however it dies. On NFS that works between those that the NFS server knows of.
"""

import asyncio
import fcntl
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.system import FILE_MODE

_LOCKS: Final = 64
_FIRST_WAIT_SECONDS: Final = 0.002
_LONGEST_WAIT_SECONDS: Final = 0.1


class Turns:
    """Names share a fixed number of locks, so that files of old names do not pile up."""

    def __init__(self, folder: Path, action: str) -> None:
        """`folder` exists by the first turn; `action` is what errors say was tried."""
        self._folder = folder
        self._action = action
        self._here = [asyncio.Lock() for _ in range(_LOCKS)]

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Wait until nobody else is inside for `name`; no two turns may be nested.

        Raises `ArchiveUnavailable` or `ArchiveFull` when the folder cannot be used.
        """
        number = zlib.crc32(name.encode()) % _LOCKS
        async with self._here[number]:
            # Not in a thread: these take no time, and those inside need the threads.
            fd = self._open(number)
            try:
                await self._wait_for(fd)
                yield
            finally:
                os.close(fd)

    def _open(self, number: int) -> int:
        path = self._folder / f"{number:02d}"
        try:
            return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise archive_fault(error, self._action) from error

    async def _wait_for(self, fd: int) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
            except OSError as error:
                raise archive_fault(error, self._action) from error
            else:
                return
