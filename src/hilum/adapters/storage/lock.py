"""Locks on a data folder: one server, whole or in roles, and nobody beside a rebuild.

Two files are locked with `flock`, which the kernel lets go of when a process dies, however it
dies. `server.lock` is held by a server, exclusively, or by each of the roles it was divided into,
shared; `archive.lock` by everybody: shared, or exclusively.
Needs a file system on which `flock` works between all processes that use the folder: on NFS, only
between those that the NFS server knows of.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.system import FILE_MODE, PosixSystem, System, make_folder
from hilum.domain.occupancy import DataFolderInUse, Hold

_SERVER: Final = "server.lock"
_ARCHIVE: Final = "archive.lock"
_SCHEMA: Final = "schema.lock"
_AS_SERVER: Final = {Hold.SERVER: fcntl.LOCK_EX, Hold.ROLE: fcntl.LOCK_SH}
_MOMENTS: Final = (0.005, 0.02, 0.05)
"""Seconds."""


@contextmanager
def hold_data_folder(folder: Path, hold: Hold, *, system: System | None = None) -> Iterator[None]:
    """Hold `folder`, which is made when it is not there, until the context is left.

    Never waits. Raises `DataFolderInUse` when another process stands in the way, and
    `ArchiveUnavailable` or `ArchiveFull` when the folder cannot be used.
    """
    with ExitStack() as stack:
        try:
            make_folder(folder, system or PosixSystem())
            server = stack.enter_context(_opened(folder / _SERVER))
            archive = stack.enter_context(_opened(folder / _ARCHIVE))
        except OSError as error:
            raise archive_fault(error, "opening the data folder") from error
        if hold in _AS_SERVER and not _lock(server, _AS_SERVER[hold]):
            raise DataFolderInUse(_held_by_server(folder, server))
        kind = fcntl.LOCK_EX if hold is Hold.EXCLUSIVE else fcntl.LOCK_SH
        if not _lock(archive, kind):
            raise DataFolderInUse(_in_the_way(folder, server, hold))
        if hold in _AS_SERVER:
            os.ftruncate(server, 0)
        if hold is Hold.SERVER:
            os.pwrite(server, f"{os.getpid()}\n".encode(), 0)
        yield


def is_held(folder: Path) -> bool:
    """True when some process, this one included, has the archive in `folder` open."""
    try:
        with _opened(folder / _ARCHIVE) as archive:
            return not _lock(archive, fcntl.LOCK_EX)
    except OSError:
        return False


@contextmanager
def turn_at_schema(folder: Path) -> Iterator[None]:
    """Wait until no other process makes or migrates the index of `folder`, and keep others waiting.

    Processes that start together would find the database locked otherwise. Raises
    `ArchiveUnavailable` or `ArchiveFull` when the folder cannot be used.
    """
    with ExitStack() as stack:
        try:
            make_folder(folder, PosixSystem())
            descriptor = stack.enter_context(_opened(folder / _SCHEMA))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise archive_fault(error, "opening the data folder") from error
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int) -> bool:
    """Take the lock or say no; a neighbour who only looks holds it for less than a moment."""
    for pause in (*_MOMENTS, None):
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause is None:
                return False
            time.sleep(pause)
        else:
            return True
    return False


def _in_the_way(folder: Path, server: int, hold: Hold) -> str:
    if hold is not Hold.EXCLUSIVE:
        return f"{folder} is being rebuilt, repaired or migrated by another process. Wait for it."
    if not _lock(server, fcntl.LOCK_EX):
        return _held_by_server(folder, server)
    return f"{folder} is in use by another hilum command. Wait until it is done."


def _held_by_server(folder: Path, server: int) -> str:
    process = os.pread(server, 20, 0).decode("ascii", "replace").strip()
    who = f"process {process}" if process.isdigit() else "processes with a --role each"
    return f"{folder} is served by {who}. Stop that server first, or choose another --data."
