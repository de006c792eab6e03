"""The files of one view: making it, changing it, removing it. Every call blocks."""

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.system import (
    FOLDER_MODE,
    System,
    chunks_of,
    flush_folder,
    write_all,
    write_file,
)
from hilum.domain.errors import ObjectMissing
from hilum.domain.identifiers import ObjectKey, parse_uid
from hilum.ports.archive_view import ViewFile, ViewFolder, WrittenView

METADATA: Final = "metadata.json"
_NO_LINK: Final = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
)
"""Another file system, one without hard links, or as many names as a file can have."""
_NO_RANGE: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})

PathOf = Callable[[ObjectKey], Path]


class ViewTree:
    """The folder `path` of a view; `staging` is a name of its own on the same file system."""

    def __init__(
        self,
        path: Path,
        staging: Path,
        path_of: PathOf | None,
        system: System,
        free_space: FreeSpace,
        *,
        link: bool,
    ) -> None:
        """`path_of` tells where an object lies on this machine; None: nowhere."""
        self._path = path
        self._staging = staging
        self._path_of = path_of
        self._system = system
        self._free_space = free_space
        self._link = link
        self._names = itertools.count()

    def documents(self) -> Sequence[bytes]:
        """Its `metadata.json` files, that of the folder itself first. Raises `OSError`."""
        found = []
        for folder in (self._path, *self._below()):
            with suppress(FileNotFoundError, NotADirectoryError):
                found.append((folder / METADATA).read_bytes())
        return found

    def lacking(self, folders: Sequence[ViewFolder]) -> Sequence[tuple[ObjectKey, int]]:
        """Objects, and their sizes, that are to be copied. Raises `OSError`."""
        return list(
            {
                file.object_key: file.size_bytes
                for folder in folders
                for file in folder.files
                if not _stands(_below(self._path, folder) / file.name, file)
            }.items()
        )

    def publish(
        self, folders: Sequence[ViewFolder], fetched: Mapping[ObjectKey, Path]
    ) -> WrittenView:
        """See `ViewFolders.publish`; `fetched` are copies. Raises `OSError`, `ObjectMissing`."""
        if not folders:
            self._remove(self._path)
            return WrittenView(str(self._path), ())
        if self._path.is_dir():
            self._clear(folders)
            self._fill(self._path, folders, fetched)
        else:
            try:
                self._staging.mkdir(FOLDER_MODE)
                self._fill(self._staging, folders, fetched)
                self._staging.rename(self._path)
            except BaseException:
                shutil.rmtree(self._staging, ignore_errors=True)
                raise
        flush_folder(self._path.parent, self._system)
        files = [str(_below(self._path, folder) / METADATA) for folder in folders]
        return WrittenView(str(self._path), files)

    def _below(self) -> Sequence[Path]:
        try:
            return sorted(each for each in self._path.iterdir() if each.is_dir())
        except FileNotFoundError:
            return ()

    def _fill(
        self, root: Path, folders: Sequence[ViewFolder], fetched: Mapping[ObjectKey, Path]
    ) -> None:
        for folder in folders:
            target = _below(root, folder)
            target.mkdir(FOLDER_MODE, exist_ok=True)
            for file in folder.files:
                if not _stands(target / file.name, file):
                    self._put(target / file.name, file, fetched)
            self._write(target / METADATA, folder.metadata)
            flush_folder(target, self._system)
        if any(folder.study is not None for folder in folders):
            flush_folder(root, self._system)

    def _clear(self, folders: Sequence[ViewFolder]) -> None:
        """Take away what the view is not to hold: this first, for it may be deleted data."""
        kept = {_below(self._path, folder): folder for folder in folders}
        for at in (self._path, *self._below()):
            if at not in kept and at != self._path:
                self._remove(at)
                continue
            folder = kept.get(at)
            names = {METADATA, *(file.name for file in folder.files)} if folder else set()
            for entry in list(at.iterdir()):
                if entry.name not in names and entry not in kept:
                    self._remove(entry)

    def _remove(self, path: Path) -> None:
        """Remove a file or folder, durably; the folder disappears in one step."""
        away = self._temporary()
        try:
            path.rename(away)
        except FileNotFoundError:
            return
        flush_folder(path.parent, self._system)
        if away.is_dir() and not away.is_symlink():
            shutil.rmtree(away)
        else:
            away.unlink()

    def _put(self, target: Path, file: ViewFile, fetched: Mapping[ObjectKey, Path]) -> None:
        temporary = self._temporary()
        try:
            self._bring(temporary, file, fetched)
            temporary.replace(target)
        finally:
            # Where both were names of one file already, both are left by the replacement.
            temporary.unlink(missing_ok=True)

    def _bring(self, temporary: Path, file: ViewFile, fetched: Mapping[ObjectKey, Path]) -> None:
        if (copied := fetched.get(file.object_key)) is not None:
            os.link(copied, temporary)
            return
        if self._path_of is None:
            message = "An object that a view needs was not copied from the object store."
            raise ObjectMissing(message)
        try:
            self._link_or_copy(self._path_of(file.object_key), temporary, file.size_bytes)
        except FileNotFoundError as error:
            message = "An instance was deleted while it was put into the archive view."
            raise ObjectMissing(message) from error

    def _link_or_copy(self, source: Path, temporary: Path, size_bytes: int) -> None:
        if self._link:
            try:
                os.link(source, temporary, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
            else:
                return
        self._free_space.demand(size_bytes)
        with source.open("rb") as stored:
            fd = self._system.create(os.fspath(temporary))
            try:
                _copy(stored.fileno(), fd, self._system)
                self._system.fdatasync(fd)
            finally:
                os.close(fd)

    def _write(self, target: Path, data: bytes) -> None:
        with suppress(FileNotFoundError):
            if target.read_bytes() == data:
                return
        temporary = self._temporary()
        try:
            write_file(self._system, os.fspath(temporary), (data,))
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        temporary.replace(target)

    def _temporary(self) -> Path:
        return self._staging.with_name(f"{self._staging.name}-{next(self._names)}")


def _below(root: Path, folder: ViewFolder) -> Path:
    return root if folder.study is None else root / parse_uid(folder.study)


def _stands(path: Path, file: ViewFile) -> bool:
    if not file.stands:
        return False
    try:
        return path.stat(follow_symlinks=False).st_size == file.size_bytes
    except FileNotFoundError:
        return False


def _copy(source: int, target: int, system: System) -> None:
    """Copy by the kernel where it can, which some file systems do without copying the bytes."""
    for chunk in _left_to_copy(source, target):
        write_all(system, target, chunk)


def _left_to_copy(source: int, target: int) -> Iterator[bytes]:
    copy = getattr(os, "copy_file_range", None)
    try:
        while copy is not None and copy(source, target, 1 << 30):
            pass
    except OSError as error:
        if error.errno not in _NO_RANGE:
            raise
    yield from chunks_of(source)
