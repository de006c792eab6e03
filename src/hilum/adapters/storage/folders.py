"""Open folders whose entries are made durable, one flush serving many writers.

A folder is used through an open descriptor. When somebody removes it meanwhile, also another
process, linking into it fails with ENOENT instead of landing in a namesake that nobody flushed;
the writer then starts again from the root. So empty folders can be removed at any time.
"""

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from hilum.adapters.storage.layout import Parts
from hilum.adapters.storage.system import System

_T = TypeVar("_T")

_OPEN_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_RETRIES: Final = 16
"""How often a writer starts again because its folder was removed under it."""


class Folder:
    """One open folder. `make_durable` covers every entry made before it was called."""

    def __init__(self, parts: Parts, fd: int, parent: "Folder | None", system: System) -> None:
        self.parts = parts
        self.fd = fd
        self.parent = parent
        self.users = 0
        self._system = system
        self._turn = threading.Condition()
        self._begun = 0
        self._done = 0
        self._running = False
        self._failed: tuple[int, OSError] | None = None
        # A folder that exists was perhaps made a moment ago by somebody who has not flushed its
        # parent yet, so the first use in this process flushes all of the way up.
        self._entry_is_durable = parent is None

    def make_durable(self) -> None:
        """Flush this folder's entries and, once, its own entry in its parent."""
        self._flush()
        if not self._entry_is_durable and self.parent is not None:
            self.parent.make_durable()
            self._entry_is_durable = True

    def _flush(self) -> None:
        """Wait for a flush that began after this call; whoever finds none running makes it."""
        with self._turn:
            wanted = self._begun + 1
            while self._done < wanted:
                if self._running:
                    self._turn.wait()
                else:
                    self._lead()
            if self._failed is not None and self._failed[0] >= wanted:
                raise self._failed[1]

    def _lead(self) -> None:
        self._running = True
        self._begun += 1
        self._turn.release()
        failure: OSError | None = None
        try:
            self._system.fsync(self.fd)
        except OSError as error:
            failure = error
        finally:
            self._turn.acquire()
            self._running = False
            self._done = self._begun
            if failure is not None:
                self._failed = (self._begun, failure)
            self._turn.notify_all()


class Folders:
    """The folders below `root`, a bounded number of them kept open."""

    def __init__(self, root: Path, system: System, *, kept_open: int = 128) -> None:
        self._system = system
        self._path = os.fspath(root)
        self._kept_open = kept_open
        self._lock = threading.Lock()
        self._open: OrderedDict[Parts, Folder] = OrderedDict()
        self._root = Folder((), os.open(root, _OPEN_FLAGS), None, system)

    def close(self) -> None:
        with self._lock:
            for folder in self._open.values():
                os.close(folder.fd)
            self._open.clear()
            os.close(self._root.fd)

    def link(self, source: str, parts: Parts, name: str) -> bool:
        """Give the file `source` the name `name` in a folder, durably, replacing nothing.

        Makes the folders that are missing. False when the name existed before; that entry is
        durable then, too.
        """
        return self._again(parts, lambda: self._link(source, parts, name))

    def link_nameless(self, files: Sequence[tuple[int, str]], parts: Parts) -> Sequence[bool]:
        """Give open files without a name their names in a folder, with one flush for all.

        As `link`: an answer for each, False when its name existed before.
        """
        return self._again(parts, lambda: self._link_nameless(files, parts))

    def rename(self, parts: Parts, old: str, new: str) -> None:
        """Give a file of a folder another name in it, durably, replacing what has that name.

        Raises `FileNotFoundError` when there is no such file.
        """
        self._again(parts, lambda: self._rename(parts, old, new))

    def move(self, source: str, parts: Parts, name: str) -> None:
        """Take the file `source` into a folder as `name`, durably, replacing what has that name.

        Makes the folders that are missing.
        """
        self._again(parts, lambda: self._move(source, parts, name))

    def _again(self, parts: Parts, change: Callable[[], _T]) -> _T:
        for attempt in range(_RETRIES):
            try:
                return change()
            except OSError as error:
                # Whatever went wrong may lie with the open descriptor: open it anew next time.
                self._forget(parts)
                if error.errno != errno.ENOENT or attempt == _RETRIES - 1:
                    raise
        raise AssertionError  # the last attempt returned or raised

    def _link(self, source: str, parts: Parts, name: str) -> bool:
        with self._using(parts) as folder:
            try:
                self._system.link(source, name, folder.fd)
            except FileExistsError:
                folder.make_durable()
                return False
            try:
                folder.make_durable()
            except OSError:
                with suppress(OSError):
                    os.unlink(name, dir_fd=folder.fd)
                raise
            return True

    def _link_nameless(self, files: Sequence[tuple[int, str]], parts: Parts) -> Sequence[bool]:
        linked: list[bool] = []
        with self._using(parts) as folder:
            try:
                for fd, name in files:
                    linked.append(self._link_one(fd, name, folder.fd))
                folder.make_durable()
            except OSError:
                for (_, name), ours in zip(files, linked, strict=False):
                    if ours:
                        with suppress(OSError):
                            os.unlink(name, dir_fd=folder.fd)
                raise
        return linked

    def _link_one(self, fd: int, name: str, folder_fd: int) -> bool:
        try:
            self._system.link_nameless(fd, name, folder_fd)
        except FileExistsError:
            return False
        return True

    def _rename(self, parts: Parts, old: str, new: str) -> None:
        with self._using(parts) as folder:
            self._system.rename(old, new, folder.fd)
            folder.make_durable()

    def _move(self, source: str, parts: Parts, name: str) -> None:
        with self._using(parts) as folder:
            self._system.move(source, name, folder.fd)
            folder.make_durable()

    def unlink(self, parts: Parts, name: str) -> None:
        """Remove a file, durably, and the folders it leaves empty, the outermost two excepted.

        A file that is not there is no error.
        """
        folder_path = "/".join((self._path, *parts))
        with suppress(FileNotFoundError):
            self._system.unlink(f"{folder_path}/{name}")
        remaining = parts
        while len(remaining) > 2 and self._remove_empty(remaining):
            remaining = remaining[:-1]
        with suppress(FileNotFoundError), self._using(remaining, make=False) as folder:
            folder.make_durable()

    def _remove_empty(self, parts: Parts) -> bool:
        try:
            os.rmdir("/".join((self._path, *parts)))  # noqa: PTH106 - as in `unlink`
        except FileNotFoundError:
            pass  # somebody was faster
        except OSError:
            return False  # not empty
        self._forget(parts)
        return True

    @contextmanager
    def _using(self, parts: Parts, *, make: bool = True) -> Iterator[Folder]:
        folder = self._acquire(parts, make=make)
        try:
            yield folder
        finally:
            with self._lock:
                self._release(folder)

    def _acquire(self, parts: Parts, *, make: bool) -> Folder:
        if not parts:
            return self._count(self._root)
        with self._lock:
            known = self._open.get(parts)
            if known is not None:
                self._open.move_to_end(parts)
                known.users += 1
                return known
        parent = self._acquire(parts[:-1], make=make)
        try:
            fd = self._open_below(parent, parts[-1], make=make)
        except BaseException:
            with self._lock:
                self._release(parent)
            raise
        return self._admit(Folder(parts, fd, parent, self._system))

    def _count(self, folder: Folder) -> Folder:
        with self._lock:
            folder.users += 1
        return folder

    def _open_below(self, parent: Folder, name: str, *, make: bool) -> int:
        if make:
            with suppress(FileExistsError):
                self._system.mkdir(name, parent.fd)
        return os.open(name, _OPEN_FLAGS, dir_fd=parent.fd)

    def _admit(self, fresh: Folder) -> Folder:
        """Enter a folder just opened, whose parent was counted for it."""
        with self._lock:
            known = self._open.get(fresh.parts)
            if known is not None:  # another thread opened it at the same time
                known.users += 1
                self._dispose(fresh)
                return known
            fresh.users = 1
            self._open[fresh.parts] = fresh
            self._shrink()
            return fresh

    def _shrink(self) -> None:
        for parts, folder in list(self._open.items()):
            if len(self._open) <= self._kept_open:
                return
            if not folder.users:
                del self._open[parts]
                self._dispose(folder)

    def _forget(self, parts: Parts) -> None:
        """Stop using what is known of `parts` and of the folders above."""
        with self._lock:
            for depth in range(len(parts), 0, -1):
                folder = self._open.pop(parts[:depth], None)
                if folder is not None and not folder.users:
                    self._dispose(folder)

    def _release(self, folder: Folder) -> None:
        folder.users -= 1
        if folder.users or folder.parent is None:
            return
        if self._open.get(folder.parts) is not folder:
            self._dispose(folder)

    def _dispose(self, folder: Folder) -> None:
        os.close(folder.fd)
        if folder.parent is not None:
            self._release(folder.parent)
