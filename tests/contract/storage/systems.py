"""Operating systems that tell what was asked of them, or fail as a bad disk does."""

import errno
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hilum.adapters.storage.system import PosixSystem


@dataclass
class RecordingSystem(PosixSystem):
    """Notes every call with the inode it was about, in the order in which the calls returned."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    linked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, call: str, inode: int) -> None:
        with self._lock:
            self.calls.append((call, inode))

    def create(self, path: str) -> int:
        fd = super().create(path)
        self._note("create", os.fstat(fd).st_ino)
        return fd

    def write(self, fd: int, data: memoryview) -> int:
        count = super().write(fd, data)
        self._note("write", os.fstat(fd).st_ino)
        return count

    def fdatasync(self, fd: int) -> None:
        super().fdatasync(fd)
        self._note("fdatasync", os.fstat(fd).st_ino)

    def fsync(self, fd: int) -> None:
        inode = os.fstat(fd).st_ino
        self._note("fsync begins", inode)
        super().fsync(fd)
        self._note("fsync", inode)

    def link(self, source: str, name: str, folder_fd: int) -> None:
        inode = Path(source).stat().st_ino
        super().link(source, name, folder_fd)
        self._note("link", inode)
        self.linked.release()

    def move(self, source: str, name: str, folder_fd: int) -> None:
        inode = Path(source).stat().st_ino
        super().move(source, name, folder_fd)
        self._note("move", inode)

    def create_nameless(self, folder: str) -> int:
        fd = super().create_nameless(folder)
        self._note("create", os.fstat(fd).st_ino)
        return fd

    def link_nameless(self, fd: int, name: str, folder_fd: int) -> None:
        super().link_nameless(fd, name, folder_fd)
        self._note("link", os.fstat(fd).st_ino)

    def mkdir(self, name: str, parent_fd: int) -> None:
        super().mkdir(name, parent_fd)
        self._note("mkdir", os.stat(name, dir_fd=parent_fd).st_ino)

    def unlink(self, path: str) -> None:
        super().unlink(path)
        self._note("unlink", 0)

    def count(self, call: str) -> int:
        return Counter(name for name, _ in self.calls)[call]


@dataclass
class FailingSystem(PosixSystem):
    """Fails the calls named in `fails` with `number` for as long as it is set."""

    fails: set[str] = field(default_factory=set)
    number: int = errno.ENOSPC

    def _fail(self, call: str) -> None:
        if call in self.fails:
            raise OSError(self.number, os.strerror(self.number))

    def create(self, path: str) -> int:
        self._fail("create")
        return super().create(path)

    def create_nameless(self, folder: str) -> int:
        self._fail("create")
        return super().create_nameless(folder)

    def link_nameless(self, fd: int, name: str, folder_fd: int) -> None:
        self._fail("link")
        super().link_nameless(fd, name, folder_fd)

    def write(self, fd: int, data: memoryview) -> int:
        if "write" in self.fails and len(data) > 1000:
            return super().write(fd, data[:1000])  # as a disk does that fills up
        self._fail("write")
        return super().write(fd, data)

    def fdatasync(self, fd: int) -> None:
        self._fail("fdatasync")
        super().fdatasync(fd)

    def fsync(self, fd: int) -> None:
        self._fail("fsync")
        super().fsync(fd)

    def link(self, source: str, name: str, folder_fd: int) -> None:
        self._fail("link")
        super().link(source, name, folder_fd)

    def move(self, source: str, name: str, folder_fd: int) -> None:
        self._fail("move")
        super().move(source, name, folder_fd)

    def mkdir(self, name: str, parent_fd: int) -> None:
        self._fail("mkdir")
        super().mkdir(name, parent_fd)


@dataclass
class HeldSystem(RecordingSystem):
    """Holds folder flushes until a test lets them go on."""

    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    holds: bool = False

    def fsync(self, fd: int) -> None:
        if self.holds:
            self.arrived.release()
            assert self.may_go.acquire(timeout=30)
        super().fsync(fd)
