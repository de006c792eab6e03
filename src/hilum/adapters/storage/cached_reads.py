"""Reading what the kernel holds in memory already, and nothing else.

A read of 33 KB costs 5 us when the file is in the page cache, where handing it to a thread and
back costs 100. Whether it is, Linux says: `openat2` with RESOLVE_CACHED (5.12) opens a file only if
no disk is needed to find it, `preadv2` with RWF_NOWAIT reads only what is in memory. Both fail at
once otherwise, so that an event loop may call them; whoever does falls back to a thread.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

CachedRead = Callable[[str, int, int], bytes | None]
"""Reads of the file with this path, from an offset on, so many bytes.

None: the disk is needed, or there are fewer bytes. Raises `FileNotFoundError`."""

MOST_BYTES: Final = 1 << 20
"""Longest read: copying more would keep others waiting for too long."""
_OPENAT2: Final = 437  # on every architecture but Alpha
_AT_FDCWD: Final = -100
_RESOLVE_CACHED: Final = 0x20
_HOW: Final = struct.Struct("QQQ")
"""`struct open_how`: flags, mode, resolve."""


def cached_reads(probe: Path) -> CachedRead | None:
    """How to read from the file system of `probe`, a file with a byte in it that was just written.

    None where kernel, container (seccomp) or file system (NFS, FUSE) do not offer it, and where
    Python was built for a C library without it: that of uv or conda, and musl before 1.2.5.
    """
    if sys.platform != "linux" or not hasattr(os, "RWF_NOWAIT"):
        return None
    try:
        read = _LinuxCachedRead()
        return read if read(os.fspath(probe), 0, 1) is not None else None
    except (OSError, AttributeError, NotImplementedError):
        return None


class _LinuxCachedRead:
    """Keeps the interpreter's lock: these calls do not wait. For one thread."""

    __slots__ = ("_buffer", "_how", "_syscall")

    def __init__(self) -> None:
        self._syscall = ctypes.PyDLL(None, use_errno=True).syscall
        self._syscall.argtypes = (
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_char_p,
            ctypes.c_size_t,
        )
        self._syscall.restype = ctypes.c_long
        self._how = _HOW.pack(os.O_RDONLY | os.O_CLOEXEC, 0, _RESOLVE_CACHED)
        # Used again and again: memory that is new to the process costs more than what is read.
        self._buffer = memoryview(bytearray(MOST_BYTES))

    def __call__(self, path: str, offset: int, length: int) -> bytes | None:
        if not 0 < length <= MOST_BYTES:
            return None
        fd = self._syscall(_OPENAT2, _AT_FDCWD, os.fsencode(path), self._how, _HOW.size)
        if fd < 0:
            code = ctypes.get_errno()
            if code == errno.ENOENT:
                raise FileNotFoundError(code, os.strerror(code))
            return None
        data = self._buffer[:length]
        try:
            read = os.preadv(fd, (data,), offset, os.RWF_NOWAIT)
        except OSError:
            return None  # a thread finds out what is wrong, if it still is
        finally:
            os.close(fd)
        return bytes(data) if read == length else None
