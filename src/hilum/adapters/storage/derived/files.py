"""Files of the cache: reading, publishing and removing them. Every call blocks; none is durable."""

import errno
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.adapters.storage.derived.envelope import HEAD_BYTES, head_of, opened
from hilum.adapters.storage.derived.layout import INCOMING, name_of, shard_of, versions_in
from hilum.adapters.storage.system import FILE_MODE, FOLDER_MODE
from hilum.domain.identifiers import Version
from hilum.ports.derived_telemetry import DerivedPut, DerivedRead

_TOUCH_SECONDS: Final = 3600
"""A file that is used says so at most once in this time: reading must not mean writing."""
_READ_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_BLOCK_BYTES: Final = 4096
_ATTEMPTS: Final = 16
"""How often something is done again because another process changed the folder meanwhile."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a read came to."""

    outcome: DerivedRead
    data: bytes | None = None
    freed_bytes: int = 0
    """Of a damaged file, which is gone now."""


class DerivedFiles:
    """The files of one cache below `root`. Any number of threads and processes may use it."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self._path = os.fspath(root.absolute())

    def prepare(self) -> None:
        """Make the folder. Raises `OSError`."""
        _make_folders(f"{self._path}/{INCOMING}")

    def read(self, version: Version, recipe: str, now: float) -> Found:
        """Read an object; a damaged one is removed. Raises `OSError` when the disk fails."""
        name = name_of(version, recipe)
        path = f"{self._path}/{name}"
        try:
            fd = os.open(path, _READ_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return Found(DerivedRead.MISS)
        with os.fdopen(fd, "rb", buffering=0) as file:
            facts = os.fstat(fd)
            data = opened(name, file.readall())
            if data is not None and now - facts.st_mtime > _TOUCH_SECONDS:
                with suppress(OSError):  # a disk that became read-only can still be read
                    os.utime(fd, (now, now))
        if data is not None:
            return Found(DerivedRead.DISK, data)
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - a hot path; no Path object is needed
        return Found(DerivedRead.DAMAGED, freed_bytes=on_disk(facts.st_size))

    def write(self, version: Version, recipe: str, data: bytes, now: float) -> DerivedPut:
        """Publish an object in one step. Raises `OSError` when the disk fails or is full."""
        name = name_of(version, recipe)
        fresh = f"{self._path}/{INCOMING}/{os.getpid()}-{secrets.token_hex(8)}"
        try:
            self._write_file(fresh, head_of(name, data), data, now)
            return self._publish(fresh, f"{self._path}/{name}")
        except BaseException:
            with suppress(OSError):
                os.unlink(fresh)  # noqa: PTH108 - as above
            raise

    def _write_file(self, path: str, head: bytes, data: bytes, now: float) -> None:
        try:
            fd = os.open(path, _NEW_FLAGS, FILE_MODE)
        except FileNotFoundError:  # somebody cleared the cache
            self.prepare()
            fd = os.open(path, _NEW_FLAGS, FILE_MODE)
        with os.fdopen(fd, "wb") as file:
            file.write(head)
            file.write(data)
            file.flush()
            os.utime(fd, (now, now))

    def _publish(self, fresh: str, path: str) -> DerivedPut:
        folder = path.rpartition("/")[0]
        for _ in range(_ATTEMPTS):
            try:
                os.rename(fresh, path)  # noqa: PTH104 - as above
            except FileNotFoundError:
                if not os.path.lexists(fresh):
                    return DerivedPut.NO_ROOM  # the cache was cleared under us
                try:
                    _make_folders(folder)
                except FileExistsError:
                    return self._given_up(fresh)
            except NotADirectoryError:
                return self._given_up(fresh)
            else:
                return DerivedPut.KEPT
        os.unlink(fresh)  # noqa: PTH108 - as above
        return DerivedPut.NO_ROOM

    @staticmethod
    def _given_up(fresh: str) -> DerivedPut:
        os.unlink(fresh)  # noqa: PTH108 - as above
        return DerivedPut.GONE

    def forget(self, version: Version, now: float) -> tuple[int, int]:
        """Remove all of a version and mark it; returns objects and bytes. Raises `OSError`."""
        place = f"{self._path}/{shard_of(version)}/{version}"
        aside = f"{self._path}/{INCOMING}/{version}-{secrets.token_hex(8)}"
        objects = size = 0
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError, NotADirectoryError):
                if os.path.isdir(place):  # noqa: PTH112 - as above
                    os.rename(place, aside)  # noqa: PTH104 - as above
                    more, bytes_more = remove_folder(aside)
                    objects, size = objects + more, size + bytes_more
            if self._mark(place, now):
                break
        return objects, size

    def versions(self, shard: str) -> Sequence[Version]:
        """Every version of a shard of which there is something. Raises `OSError`."""
        try:
            entries = os.scandir(f"{self._path}/{shard}")
        except FileNotFoundError:
            return []
        with entries:
            folders = (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            return list(versions_in(folders))

    def _mark(self, place: str, now: float) -> bool:
        """Leave a mark; False when somebody made a folder there meanwhile."""
        try:
            fd = os.open(place, _NEW_FLAGS, FILE_MODE)
        except FileExistsError:
            return not os.path.isdir(place)  # noqa: PTH112 - as above
        except FileNotFoundError:
            _make_folders(place.rpartition("/")[0])
            return False
        os.utime(fd, (now, now))
        os.close(fd)
        return True


def _make_folders(path: str) -> None:
    """Make a folder and those above it, none of them open to everybody.

    One that exists is no error. Raises `FileExistsError` for a file, and other `OSError`.
    """
    try:
        os.mkdir(path, FOLDER_MODE)  # noqa: PTH102 - as above
    except FileNotFoundError:
        _make_folders(path.rpartition("/")[0])
        with suppress(FileExistsError):  # another process was quicker
            os.mkdir(path, FOLDER_MODE)  # noqa: PTH102 - as above
    except FileExistsError:
        if not os.path.isdir(path):  # noqa: PTH112 - as above
            raise


def remove_folder(folder: str) -> tuple[int, int]:
    """Remove a folder of files that nobody reaches any more; returns their number and bytes.

    Whoever else removes it at the same time is no error, nor is whoever had found it before it was
    moved and puts a last file there. Raises `OSError` when the disk fails.
    """
    objects = size = 0
    with suppress(FileNotFoundError):
        for attempt in range(1, _ATTEMPTS + 1):
            more, bytes_more = _remove_files(folder)
            objects, size = objects + more, size + bytes_more
            try:
                os.rmdir(folder)  # noqa: PTH106 - as above
            except OSError as error:
                if error.errno != errno.ENOTEMPTY or attempt == _ATTEMPTS:
                    raise
            else:
                break
    return objects, size


def _remove_files(folder: str) -> tuple[int, int]:
    objects = size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                size_bytes = on_disk(entry.stat(follow_symlinks=False).st_size)
                os.unlink(entry.path)  # noqa: PTH108 - as above
                objects, size = objects + 1, size + size_bytes
    return objects, size


def on_disk(file_bytes: int) -> int:
    """About what a file takes of the disk."""
    return -(file_bytes // -_BLOCK_BYTES) * _BLOCK_BYTES


def stored_bytes(data: bytes) -> int:
    """About what an object takes of the disk."""
    return on_disk(len(data) + HEAD_BYTES)
