"""The calls to the operating system on which durability rests, in one place.

Passing another `System` shows or disturbs their order, as a failing disk would.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

_CHUNK_BYTES: Final = 1 << 20


class System(Protocol):
    """What the storage engines ask of the operating system when they change something."""

    def create(self, path: str) -> int:
        """Open a new file for writing; fails when the name exists."""
        ...

    def create_nameless(self, folder: str) -> int:
        """Open a new file without a name on the file system of `folder`.

        Raises `OSError` where there are no such files.
        """
        ...

    def write(self, fd: int, data: memoryview) -> int: ...

    def begin_flush(self, fd: int) -> None:
        """Have the disk begin with a file's bytes; promises nothing.

        Flushing several files that were begun takes less than one flush after the other.
        """
        ...

    def fdatasync(self, fd: int) -> None:
        """Make a file's bytes and size durable."""
        ...

    def fsync(self, fd: int) -> None:
        """Make a directory's entries durable."""
        ...

    def link(self, source: str, name: str, folder_fd: int) -> None:
        """Give a file a second name in a folder; fails when the name exists, replaces nothing."""
        ...

    def link_nameless(self, fd: int, name: str, folder_fd: int) -> None:
        """Give a file without one a name in a folder; fails when the name exists."""
        ...

    def rename(self, old: str, new: str, folder_fd: int) -> None:
        """Give a file of a folder another name in it, replacing what has that name."""
        ...

    def move(self, source: str, name: str, folder_fd: int) -> None:
        """Take a file away from where it is and into a folder, replacing what has that name."""
        ...

    def mkdir(self, name: str, parent_fd: int) -> None: ...

    def unlink(self, path: str) -> None: ...


FILE_MODE = 0o640
FOLDER_MODE = 0o750

_NAMELESS: Final[int | None] = getattr(os, "O_TMPFILE", None)
_SYNC_FILE_RANGE_WRITE: Final = 2


def _find_sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Linux's call of that name, which Python's `os` does not offer."""
    try:
        call = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return call


_sync_file_range: Final = _find_sync_file_range()


def nameless_path(fd: int) -> str:
    """The path by which the kernel knows an open file that has no name."""
    return f"/proc/self/fd/{fd}"


class PosixSystem:
    """The real operating system."""

    def create(self, path: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags, FILE_MODE)

    def create_nameless(self, folder: str) -> int:
        if _NAMELESS is None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return os.open(folder, os.O_WRONLY | _NAMELESS | os.O_CLOEXEC, FILE_MODE)

    def write(self, fd: int, data: memoryview) -> int:
        return os.write(fd, data)

    def begin_flush(self, fd: int) -> None:
        if _sync_file_range is not None:
            _sync_file_range(fd, 0, 0, _SYNC_FILE_RANGE_WRITE)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def link(self, source: str, name: str, folder_fd: int) -> None:
        os.link(source, name, dst_dir_fd=folder_fd, follow_symlinks=False)

    def link_nameless(self, fd: int, name: str, folder_fd: int) -> None:
        os.link(nameless_path(fd), name, dst_dir_fd=folder_fd, follow_symlinks=True)

    def rename(self, old: str, new: str, folder_fd: int) -> None:
        os.rename(old, new, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)

    def move(self, source: str, name: str, folder_fd: int) -> None:
        os.rename(source, name, dst_dir_fd=folder_fd)

    def mkdir(self, name: str, parent_fd: int) -> None:
        os.mkdir(name, FOLDER_MODE, dir_fd=parent_fd)

    def unlink(self, path: str) -> None:
        os.unlink(path)  # noqa: PTH108 - a hot path; no Path object is needed


def write_all(system: System, fd: int, data: bytes | memoryview) -> None:
    """Write every byte: the kernel may take fewer than it was given (at most 2 GiB at once)."""
    rest = memoryview(data)
    while rest:
        rest = rest[system.write(fd, rest) :]


def write_file(system: System, path: str, chunks: Iterable[bytes]) -> None:
    """Create the file `path` with these bytes, on stable storage on return; its name is not."""
    fd = system.create(path)
    try:
        for chunk in chunks:
            write_all(system, fd, chunk)
        system.fdatasync(fd)
    finally:
        os.close(fd)


def chunks_of(fd: int) -> Iterator[bytes]:
    """The bytes of an open file from where it stands."""
    return iter(lambda: os.read(fd, _CHUNK_BYTES), b"")


def make_folder(folder: Path, system: System) -> None:
    """Make `folder` and what is missing above it, so that all of it survives a power failure.

    Also when it exists, its entry is flushed: whoever made it may have died before that.
    """
    folder = folder.absolute()
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for each in reversed(missing):
        flush_folder(each.parent, system)
    if not missing and not folder.is_mount():
        # A folder that an operator made may lie below one that we may not read.
        with suppress(PermissionError):
            flush_folder(folder.parent, system)


def flush_folder(folder: Path, system: System) -> None:
    """Make the entries of `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        system.fsync(fd)
    finally:
        os.close(fd)
