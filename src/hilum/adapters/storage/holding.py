"""Files that were received and are not archived yet, as files in a folder that processes share.

Below the root, `files/<shard>/<name>/<number>` is the file of the place `name/number`; `incoming/`
is what is being written, `turns/` has files to lock. A file is flushed, moved to its name and the
folder flushed: it is there whole or not at all.
"""

import asyncio
import errno
import itertools
import os
import re
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self, TypeVar

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.folders import Folders
from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.layout import Parts
from hilum.adapters.storage.process_folder import ProcessFolder, remove_abandoned
from hilum.adapters.storage.system import (
    FOLDER_MODE,
    PosixSystem,
    System,
    chunks_of,
    flush_folder,
    make_folder,
    write_file,
)
from hilum.adapters.storage.turns import Turns
from hilum.domain.errors import ObjectMissing
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.ports.holding import Held

_T = TypeVar("_T")

_PLACE: Final = re.compile(r"([a-z0-9-]{1,64})/(0|[1-9][0-9]{0,17})", re.ASCII)
_FILES: Final = "files"
_LIST_PAGE: Final = 500
_NO_LINKS: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK})
"""Why a file cannot have a second name; a bind mount of the same disk says EXDEV, too."""


def set_files_aside(root: Path) -> Path | None:
    """Put all that is held out of reach, to be looked at by a person; where, None for nothing.

    Called while nobody has the holding open.
    """
    files = root / _FILES
    if not any(path.is_file() for path in files.rglob("*")):
        return None
    numbers = itertools.count(2)
    aside = root / f"{_FILES}.before-rebuild"
    while aside.exists():
        aside = root / f"{_FILES}.before-rebuild-{next(numbers)}"
    files.rename(aside)
    flush_folder(root, PosixSystem())
    return aside


class DiskHolding:
    """The holding below `root`; open it with `async with`.

    `fresh_path` names a file of the spool that does not exist yet. When the spool is on the same
    file system nothing is ever copied.
    """

    def __init__(
        self,
        root: Path,
        fresh_path: Callable[[], Path],
        *,
        threads: int = 4,
        reserve_bytes: int = 512 << 20,
        system: System | None = None,
    ) -> None:
        self._root = root
        self._fresh_path = fresh_path
        self._system = system or PosixSystem()
        self._reserve_bytes = reserve_bytes
        self._free_space = FreeSpace(root, reserve_bytes)
        self._threads = ThreadPoolExecutor(threads, "hilum-holding")
        self._names = itertools.count()
        self._turns = Turns(root / "turns", "locking the holding")

    async def __aenter__(self) -> Self:
        await self._run("opening the holding", self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def keep(self, place: str, content: Content) -> None:
        """See `Holding.keep`."""
        parts, name = _located(place)
        await self._run("keeping a file", self._keep, parts, name, content)

    @asynccontextmanager
    async def take(self, place: str) -> AsyncIterator[Spooled]:
        """See `Holding.take`."""
        path = self._fresh_path()
        try:
            size = await self._run("taking a file", self._take, self.path(place), path)
            yield Spooled(path, size)
        finally:
            with suppress(OSError):
                path.unlink()

    def path(self, place: str) -> Path:
        """See `Holding.path`."""
        parts, name = _located(place)
        return self._root.joinpath(*parts, name)

    async def discard(self, place: str) -> None:
        """See `Holding.discard`."""
        parts, name = _located(place)
        await self._run("removing a file", self._folders.unlink, parts, name)

    def turn(self, name: str) -> AbstractAsyncContextManager[None]:
        """See `Holding.turn`."""
        return self._turns.turn(name)

    async def list(self) -> AsyncIterator[Held]:
        """See `Holding.list`."""
        found = _held(self._root / _FILES)
        try:
            while page := await self._run(
                "listing files", lambda: list(itertools.islice(found, _LIST_PAGE))
            ):
                for held in page:
                    yield held
        finally:
            found.close()

    async def _run(self, action: str, call: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, call, *arguments)
        except OSError as error:
            raise archive_fault(error, action) from error

    def _open(self) -> None:
        make_folder(self._root, self._system)
        for name in (_FILES, "turns"):
            (self._root / name).mkdir(mode=FOLDER_MODE, exist_ok=True)
        incoming = self._root / "incoming"
        remove_abandoned(incoming)
        self._incoming = ProcessFolder(incoming)
        self._folders = Folders(self._root, self._system)
        spool = self._fresh_path().parent
        self._spool_fd = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._free_spool_space = FreeSpace(spool, self._reserve_bytes)
        flush_folder(self._root, self._system)

    def _close(self) -> None:
        self._threads.shutdown()
        self._folders.close()
        os.close(self._spool_fd)
        self._incoming.close()

    def _keep(self, parts: Parts, name: str, content: Content) -> None:
        if isinstance(content, InMemory):
            self._keep_bytes((content.data,), content.size_bytes, parts, name)
        else:
            self._keep_spooled(content, parts, name)

    def _keep_spooled(self, content: Spooled, parts: Parts, name: str) -> None:
        path = os.fspath(content.path)
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._system.fdatasync(source)
            try:
                self._folders.move(path, parts, name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._keep_bytes(chunks_of(source), content.size_bytes, parts, name)
        finally:
            os.close(source)
        with suppress(OSError):  # it was copied, or was another name of what was held
            self._system.unlink(path)

    def _keep_bytes(
        self, chunks: Iterable[bytes], size_bytes: int, parts: Parts, name: str
    ) -> None:
        self._free_space.demand(size_bytes)
        path = f"{self._incoming.path}/{next(self._names)}"
        try:
            write_file(self._system, path, chunks)
            self._folders.move(path, parts, name)
        finally:
            with suppress(OSError):
                self._system.unlink(path)

    def _take(self, held: Path, path: Path) -> int:
        try:
            source = os.open(held, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise ObjectMissing("A file that was received is no longer held.") from error
        try:
            size = os.fstat(source).st_size
            try:
                self._system.link(os.fspath(held), path.name, self._spool_fd)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._free_spool_space.demand(size)
                write_file(self._system, os.fspath(path), chunks_of(source))
        finally:
            os.close(source)
        return size


def _located(place: str) -> tuple[Parts, str]:
    """Folders and name of a place; nothing unparsed ever becomes part of a path."""
    match = _PLACE.fullmatch(place)
    if match is None:
        message = f"not a place: {place!r}"
        raise ValueError(message)
    name, number = match.groups()
    return (_FILES, _shard(name), name), number


def _shard(name: str) -> str:
    return f"{zlib.crc32(name.encode()) & 0xFF:02x}"


def _held(files: Path) -> Generator[Held, None, None]:
    """Everything that lies where its place would put it."""
    for shard in _entries(files):
        for folder in _entries(shard):
            if _shard(folder.name) != shard.name:
                continue
            for path in _entries(folder):
                place = f"{folder.name}/{path.name}"
                with suppress(FileNotFoundError):
                    facts = path.stat(follow_symlinks=False)
                    if _PLACE.fullmatch(place) is not None:
                        since = datetime.fromtimestamp(facts.st_ctime, UTC)
                        yield Held(place, facts.st_size, since)


def _entries(folder: Path) -> Generator[Path, None, None]:
    try:
        with os.scandir(folder) as entries:
            yield from (Path(entry.path) for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
