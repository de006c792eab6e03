"""Objects put in batches, by one thread: the disk works on all files of a batch at once.

For a process of its own, beside one that has the same root open as `DiskObjects`. The order is that
of `DiskObjects`, batch by batch: every file's bytes are flushed, then they get their names, then
the folders are flushed.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from hilum.adapters.storage.disk import demand_same
from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.folders import Folders
from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.layout import Parts, place
from hilum.adapters.storage.system import PosixSystem, System, nameless_path, write_all
from hilum.domain.errors import ArchiveFault
from hilum.domain.identifiers import ObjectKey

_OPEN_FILES: Final = 128
"""Of one batch; a process may often open 1,024."""

_ACTION: Final = "keeping an object"
_PROBE: Final = ".keeper-"


class _Put:
    """One object on its way."""

    __slots__ = ("at", "data", "fd", "name", "parts")

    def __init__(self, at: int, key: ObjectKey, data: memoryview) -> None:
        self.at = at
        self.data = data
        self.parts, self.name = place(key)
        self.fd = -1


class DiskBatches:
    """Puts objects below `root/objects`; `root` was opened by `DiskObjects` before.

    Raises `OSError` where files cannot be made without a name (`O_TMPFILE`) and named later.
    """

    def __init__(self, root: Path, *, reserve_bytes: int, system: System | None = None) -> None:
        self._objects = os.fspath(root / "objects")
        self._system = system or PosixSystem()
        self._free_space = FreeSpace(root, reserve_bytes)
        self._demand_nameless(root)
        self._folders = Folders(root / "objects", self._system)

    def close(self) -> None:
        self._folders.close()

    def put(self, objects: Sequence[tuple[ObjectKey, memoryview]]) -> Sequence[ArchiveFault | None]:
        """Put them all; for each the error that `ObjectStore.put_once` would raise, or None."""
        faults: list[ArchiveFault | None] = [None] * len(objects)
        for start in range(0, len(objects), _OPEN_FILES):
            part = objects[start : start + _OPEN_FILES]
            self._put([_Put(start + at, key, data) for at, (key, data) in enumerate(part)], faults)
        return faults

    def _put(self, puts: Sequence[_Put], faults: list[ArchiveFault | None]) -> None:
        try:
            for put in puts:
                self._each(put, faults, self._begin)
            for put in puts:
                self._each(put, faults, self._flush)
            whole: dict[Parts, list[_Put]] = {}
            for put in puts:
                if faults[put.at] is None:
                    whole.setdefault(put.parts, []).append(put)
            for parts, together in whole.items():
                self._name(parts, together, faults)
        finally:
            for put in puts:
                if put.fd >= 0:
                    os.close(put.fd)

    def _each(
        self, put: _Put, faults: list[ArchiveFault | None], step: Callable[[_Put], None]
    ) -> None:
        if faults[put.at] is not None:
            return
        try:
            step(put)
        except ArchiveFault as fault:
            faults[put.at] = fault
        except OSError as error:
            faults[put.at] = archive_fault(error, _ACTION)

    def _begin(self, put: _Put) -> None:
        self._free_space.demand(len(put.data))
        put.fd = self._system.create_nameless(self._objects)
        write_all(self._system, put.fd, put.data)
        self._system.begin_flush(put.fd)

    def _flush(self, put: _Put) -> None:
        self._system.fdatasync(put.fd)

    def _name(self, parts: Parts, puts: Sequence[_Put], faults: list[ArchiveFault | None]) -> None:
        try:
            linked = self._folders.link_nameless([(put.fd, put.name) for put in puts], parts)
        except OSError as error:
            for put in puts:
                faults[put.at] = archive_fault(error, _ACTION)
            return
        for put, ours in zip(puts, linked, strict=True):
            if not ours:
                self._each(put, faults, self._demand_same)

    def _demand_same(self, put: _Put) -> None:
        held = "/".join((self._objects, *put.parts, put.name))
        demand_same(nameless_path(put.fd), held, self._system)

    def _demand_nameless(self, root: Path) -> None:
        """Make a file without a name, name it and remove it again."""
        incoming = root / "incoming"
        for left in incoming.glob(f"{_PROBE}*"):  # by one that was killed in between
            left.unlink(missing_ok=True)
        fd = self._system.create_nameless(self._objects)
        folder = os.open(incoming, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        name = f"{_PROBE}{secrets.token_hex(8)}"
        try:
            self._system.link_nameless(fd, name, folder)
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)
            os.close(fd)
