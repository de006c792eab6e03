"""A folder for each process, so that what a dead process left can be told from what is in use.

Every process makes `<parent>/<token>/` and holds an flock on `<parent>/<token>/lock` for as long
as it lives; the kernel lets go of the lock however the process ends. A folder whose lock can be
taken therefore belonged to a process that is gone. A helper process that may outlive it by what it
has in hand holds `<parent>/<token>/helper.lock`; whoever takes the folder waits for it.
"""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hilum.adapters.storage.system import FILE_MODE, FOLDER_MODE

_LOCK_NAME: Final = "lock"
_HELPER_LOCK_NAME: Final = "helper.lock"
_HELPER_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.01


class ProcessFolder:
    """The folder of the running process below `parent`."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # While the new folder has no locked file in it, a starting neighbour must not take it for
        # one that was left: making and clearing exclude each other.
        with _Exclusive(parent):
            self.path = parent / f"{os.getpid()}-{secrets.token_hex(4)}"
            self.path.mkdir(mode=FOLDER_MODE)
            self._lock_fd = os.open(
                self.path / _LOCK_NAME, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE
            )
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX)

    def close(self) -> None:
        """Remove the folder with all that is in it and let go of the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.leave()

    def leave(self) -> None:
        """Let go of the lock only: the next start finds the folder as that of a dead process."""
        os.close(self._lock_fd)


@contextmanager
def hold_helper(folder: Path) -> Iterator[None]:
    """Hold `folder`, another process's, as its helper; raises `OSError` when it is gone."""
    lock_fd = os.open(
        folder / _HELPER_LOCK_NAME, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE
    )
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock_fd)


class AbandonedFolder:
    """A dead process's folder, held against others who are starting as well."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Leave the folder for another time."""
        os.close(self._lock_fd)


def abandoned(parent: Path) -> Sequence[AbandonedFolder]:
    """Take the folders of processes that no longer run; each must be removed or released."""
    if not parent.is_dir():
        return ()
    with _Exclusive(parent):
        folders = [path for path in sorted(parent.iterdir()) if path.is_dir()]
        taken = [(path, _take(path / _LOCK_NAME)) for path in folders]
    return [AbandonedFolder(path, lock_fd) for path, lock_fd in taken if lock_fd is not None]


def remove_abandoned(parent: Path) -> int:
    """Remove what dead processes left; returns how many folders went."""
    removed = 0
    for folder in abandoned(parent):
        folder.remove()
        removed += 1
    return removed


def _take(lock: Path) -> int | None:
    lock_fd = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock_fd)
        return None
    if not _helper_has_gone(lock.with_name(_HELPER_LOCK_NAME)):
        os.close(lock_fd)
        return None
    return lock_fd


def _helper_has_gone(lock: Path) -> bool:
    """Wait for the helper of a dead process: it may be finishing what it had in hand."""
    try:
        lock_fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        until = time.monotonic() + _HELPER_SECONDS
        while True:
            try:
                fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    return False
                time.sleep(_LOOK_SECONDS)
            else:
                return True
    finally:
        os.close(lock_fd)


class _Exclusive:
    """Mutual exclusion of processes that look at the same parent folder."""

    def __init__(self, parent: Path) -> None:
        self._path = parent / ".exclusive"
        self._fd = -1

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
