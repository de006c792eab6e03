"""The archive view as folders of one file system.

Below the root, `{study_id}/` is the view of a submission. `.hilum/` holds what the view itself
needs: `studies/` says whose views hold instances of a study, `turns/` has files to lock,
`incoming/` what is being written. A new view is written there, flushed, and renamed to its name.

The files of a view are further names (hard links) of the objects where the object store is on the
same file system: whoever may write to them could change the archive, so the folder is for reading.
Elsewhere they are copies, which file systems that can do so (btrfs, xfs) make without a second
copy of the bytes.
"""

import asyncio
import itertools
import os
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Literal, Self, TypeVar

from hilum.adapters.storage.archive_view_files import ViewTree
from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.process_folder import ProcessFolder, remove_abandoned
from hilum.adapters.storage.system import (
    PosixSystem,
    System,
    flush_folder,
    make_folder,
    write_all,
)
from hilum.adapters.storage.turns import Turns
from hilum.domain.identifiers import ObjectKey, parse_uid
from hilum.domain.submissions import StudyId
from hilum.ports.archive_view import StudyOfView, ViewFolder, WrittenView
from hilum.ports.objects import LocalObjects, ObjectStore

_T = TypeVar("_T")

FilesOfView = Literal["link", "copy"]

_STUDY_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_OWN: Final = ".hilum"
_FRESH_SECONDS: Final = 3600.0
"""A mark is written before its view, which may take its time."""


class DiskViewFolders:
    """`hilum.ports.archive_view.ViewFolders`; open it with `async with`."""

    def __init__(
        self,
        root: Path,
        objects: ObjectStore,
        *,
        files: FilesOfView = "link",
        reserve_bytes: int = 512 << 20,
        workers: int = 4,
        system: System | None = None,
    ) -> None:
        self._root = root.absolute()
        self._own = self._root / _OWN
        self._objects = objects
        self._link = files == "link" and isinstance(objects, LocalObjects)
        self._system = system or PosixSystem()
        self._free_space = FreeSpace(self._root, reserve_bytes)
        self._workers = ThreadPoolExecutor(workers, "hilum-archive-view")
        self._turns = Turns(self._own / "turns", "locking the archive view")
        self._names = itertools.count()
        self._durable: set[Path] = set()
        """Folders of marks that exist for good."""

    async def __aenter__(self) -> Self:
        await self._run("opening the archive view", self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._workers.shutdown)
        self._incoming.close()

    @asynccontextmanager
    async def turn(self, study_id: StudyId) -> AsyncIterator[None]:
        """See `ViewFolders.turn`. Submissions share locks, so no two turns may be nested."""
        async with self._turns.turn(_checked(study_id)):
            yield

    async def announce(self, study_id: StudyId, studies: Sequence[StudyOfView]) -> None:
        """See `ViewFolders.announce`."""
        for each in studies:
            await self._run("noting a view", self._mark, each, _checked(study_id))

    async def views_of(self, study: StudyOfView) -> Sequence[StudyId]:
        """See `ViewFolders.views_of`."""
        return await self._run("looking for views", self._marked, study)

    async def documents(self, study_id: StudyId) -> Sequence[bytes]:
        """See `ViewFolders.documents`."""
        tree = self._tree(study_id)
        return await self._run("reading a view", tree.documents)

    async def publish(self, study_id: StudyId, folders: Sequence[ViewFolder]) -> WrittenView:
        """See `ViewFolders.publish`."""
        tree = self._tree(study_id)
        fetched = await self._fetch(tree, folders)
        try:
            return await self._run("writing a view", tree.publish, folders, fetched)
        finally:
            if fetched:
                await self._run("writing a view", _remove_all, tuple(fetched.values()))

    async def list(self) -> AsyncIterator[StudyId]:
        """See `ViewFolders.list`."""
        for study_id in await self._run("listing views", _study_ids, self._root):
            yield study_id

    async def sweep(self) -> int:
        """See `ViewFolders.sweep`."""
        return await self._run("sweeping the archive view", self._sweep)

    async def _run(self, action: str, call: Callable[..., _T], *arguments: object) -> _T:
        running = asyncio.get_running_loop().run_in_executor(self._workers, call, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread goes on, and nobody else may have the turn before it is through.
            await asyncio.wait([running])
            raise
        except OSError as error:
            raise archive_fault(error, action) from error

    def _open(self) -> None:
        make_folder(self._root, self._system)
        for each in (self._own, *(self._own / name for name in ("turns", "studies", "incoming"))):
            make_folder(each, self._system)
        remove_abandoned(self._own / "incoming")
        self._incoming = ProcessFolder(self._own / "incoming")

    def _tree(self, study_id: StudyId) -> ViewTree:
        return ViewTree(
            self._root / _checked(study_id),
            self._new_name(),
            self._objects.path if isinstance(self._objects, LocalObjects) else None,
            self._system,
            self._free_space,
            link=self._link,
        )

    def _new_name(self) -> Path:
        return self._incoming.path / str(next(self._names))

    async def _fetch(
        self, tree: ViewTree, folders: Sequence[ViewFolder]
    ) -> Mapping[ObjectKey, Path]:
        """Copy what is in a bucket and not in the view yet to this file system."""
        if isinstance(self._objects, LocalObjects):
            return {}
        fetched: dict[ObjectKey, Path] = {}
        try:
            for key, size in await self._run("looking at a view", tree.lacking, folders):
                self._free_space.demand(size)
                fetched[key] = self._new_name()
                await self._download(key, fetched[key])
        except BaseException:
            _remove_all(tuple(fetched.values()))
            raise
        return fetched

    async def _download(self, key: ObjectKey, path: Path) -> None:
        fd = await self._run("copying an object", self._system.create, os.fspath(path))
        try:
            async for chunk in self._objects.stream(key):
                await self._run("copying an object", write_all, self._system, fd, chunk)
            await self._run("copying an object", self._system.fdatasync, fd)
        finally:
            os.close(fd)

    def _shard(self, study: StudyOfView) -> tuple[Path, str]:
        """The folder of the marks of a study, and what their names begin with."""
        uid = parse_uid(study.study)
        shard = f"{zlib.crc32(uid.encode()) & 0xFFF:03x}"
        return self._own / "studies" / shard, f"{int(study.partition)}.{uid}."

    def _mark(self, study: StudyOfView, study_id: str) -> None:
        folder, prefix = self._shard(study)
        if folder not in self._durable:
            make_folder(folder, self._system)
            self._durable.add(folder)
        mark = folder / (prefix + study_id)
        try:
            os.close(self._system.create(os.fspath(mark)))
        except FileExistsError:
            os.utime(mark)  # `sweep` lets fresh ones be
        flush_folder(folder, self._system)

    def _marked(self, study: StudyOfView) -> Sequence[StudyId]:
        folder, prefix = self._shard(study)
        try:
            names = [each.name for each in folder.iterdir()]
        except FileNotFoundError:
            return ()
        found = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
        return [StudyId(name) for name in found if _STUDY_ID.fullmatch(name)]

    def _sweep(self) -> int:
        """Remove what dead processes left, and marks of views that are gone."""
        removed = remove_abandoned(self._own / "incoming")
        old = time.time() - _FRESH_SECONDS
        for mark in (self._own / "studies").glob("*/*"):
            view = self._root / mark.name.rpartition(".")[2]
            with suppress(FileNotFoundError):
                if mark.stat().st_mtime < old and not view.is_dir():
                    mark.unlink()
                    removed += 1
        return removed


def _checked(study_id: StudyId) -> str:
    """Guard against a text that is no UUID becoming part of a path. Raises `ValueError`."""
    if _STUDY_ID.fullmatch(study_id) is None:
        message = "not a study_id"
        raise ValueError(message)
    return study_id


def _study_ids(folder: Path) -> Sequence[StudyId]:
    try:
        names = [each.name for each in folder.iterdir()]
    except FileNotFoundError:
        return ()
    return [StudyId(name) for name in names if _STUDY_ID.fullmatch(name)]


def _remove_all(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
