"""Objects as files on a local disk.

Needs a POSIX file system with hard links (ext4, xfs, btrfs, zfs, NFS) that the server's user may
write. Below the root, `objects/<partition>/<shard>/<study>/<series>/<instance>.<version>.dcm`
holds the objects and `incoming/` what is being written. An object is written under a temporary
name, flushed, linked to its own name and the folder flushed: it is there whole or not at all.
"""

import asyncio
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeVar

from hilum.adapters.storage.cached_reads import CachedRead, cached_reads
from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.folders import Folders
from hilum.adapters.storage.free_space import FreeSpace
from hilum.adapters.storage.layout import Parts, place
from hilum.adapters.storage.listing import stored_objects
from hilum.adapters.storage.process_folder import ProcessFolder, remove_abandoned
from hilum.adapters.storage.streaming import stream_file
from hilum.adapters.storage.system import (
    FOLDER_MODE,
    PosixSystem,
    System,
    chunks_of,
    flush_folder,
    make_folder,
    write_file,
)
from hilum.domain.errors import ArchiveUnavailable, ObjectExists, ObjectMissing
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.ports.objects import StoredObject

_T = TypeVar("_T")

_COPY_BYTES: Final = 1 << 20
_LIST_PAGE: Final = 500


class DiskObjects:
    """The object store on one file system; open it with `async with`.

    `writers` and `readers` are threads: so many flushes or reads are in progress at once.
    """

    def __init__(
        self,
        root: Path,
        *,
        writers: int = 8,
        readers: int = 4,
        chunk_bytes: int = 1 << 20,
        reserve_bytes: int = 512 << 20,
        system: System | None = None,
    ) -> None:
        self._root = root
        self._objects = root / "objects"
        self._objects_path = os.fspath(self._objects)
        self._incoming_parent = root / "incoming"
        self._chunk_bytes = chunk_bytes
        self._system = system or PosixSystem()
        self._free_space = FreeSpace(root, reserve_bytes)
        self._writers = ThreadPoolExecutor(writers, "hilum-objects-write")
        self._readers = ThreadPoolExecutor(readers, "hilum-objects-read")
        self._names = itertools.count()
        self._of_thread = threading.local()
        self._cached: CachedRead | None = None

    async def __aenter__(self) -> Self:
        await self._in(self._writers, "opening the object store", self._open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    async def put_once(self, key: ObjectKey, content: Content) -> None:
        """See `ObjectStore.put_once`."""
        parts, name = place(key)
        await self._in(self._writers, "keeping an object", self._put, parts, name, content)

    async def replace(self, key: ObjectKey, source: ObjectKey) -> None:
        """See `ObjectStore.replace`."""
        (parts, new), (of_source, old) = place(key), place(source)
        if of_source != parts:
            message = "an object can only be replaced by one of the same instance"
            raise ValueError(message)
        await self._in(self._writers, "replacing an object", self._replace, parts, old, new)

    async def size(self, key: ObjectKey) -> int | None:
        """See `ObjectStore.size`."""
        return await self._in(self._readers, "looking for an object", _size, self._file(key))

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        """See `ObjectStore.read`."""
        path = self._file(key)
        if self._cached is not None:
            try:
                data = self._cached(path, offset, length)
            except FileNotFoundError as error:
                raise _missing() from error
            if data is not None:
                return data
        return await self._in(self._readers, "reading an object", _read, path, offset, length)

    def stream(
        self, key: ObjectKey, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See `ObjectStore.stream`."""
        return stream_file(
            self._file(key), self._readers, self._chunk_bytes, offset=offset, length=length
        )

    async def delete(self, key: ObjectKey) -> None:
        """See `ObjectStore.delete`."""
        parts, name = place(key)
        await self._in(self._writers, "deleting an object", self._folders.unlink, parts, name)

    async def list(self) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`."""
        found = stored_objects(self._objects)
        try:
            while page := await self._in(
                self._readers, "listing objects", lambda: list(itertools.islice(found, _LIST_PAGE))
            ):
                for stored in page:
                    yield stored
        finally:
            found.close()

    def path(self, key: ObjectKey) -> Path:
        """See `LocalObjects.path`."""
        return Path(self._file(key))

    def _file(self, key: ObjectKey) -> str:
        parts, name = place(key)
        return "/".join((self._objects_path, *parts, name))

    async def _in(
        self, pool: ThreadPoolExecutor, action: str, call: Callable[..., _T], *arguments: object
    ) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, call, *arguments)
        except OSError as error:
            raise archive_fault(error, action) from error

    def _open(self) -> None:
        make_folder(self._root, self._system)
        self._objects.mkdir(mode=FOLDER_MODE, exist_ok=True)
        remove_abandoned(self._incoming_parent)
        self._incoming = ProcessFolder(self._incoming_parent)
        self._incoming_path = os.fspath(self._incoming.path)
        self._device = self._incoming.path.stat().st_dev
        self._try_file_system()
        self._folders = Folders(self._objects, self._system)
        flush_folder(self._root, self._system)

    def _try_file_system(self) -> None:
        """Demand hard links, and see whether what is in memory can be read without waiting."""
        first, second = self._incoming.path / "first", self._incoming.path / "second"
        first.write_bytes(b"1")
        self._cached = cached_reads(first)
        try:
            second.hardlink_to(first)
        except OSError as error:
            message = (
                "The file system of the data folder has no hard links, which are needed to keep"
                f" objects safely ({error.strerror}). Choose another data_dir."
            )
            raise ArchiveUnavailable(message) from error
        second.unlink()
        first.unlink()

    def _close(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._folders.close()
        self._incoming.close()

    def _put(self, parts: Parts, name: str, content: Content) -> None:
        if isinstance(content, InMemory):
            self._free_space.demand(content.size_bytes)
            self._publish_incoming((content.data,), parts, name)
        else:
            self._put_spooled(content, parts, name)

    def _put_spooled(self, content: Spooled, parts: Parts, name: str) -> None:
        """Link a spooled file where it lies; copy it when that is another disk.

        Only success takes the file away.
        """
        source = os.open(content.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(source).st_dev == self._device:
                self._system.fdatasync(source)
                self._link(os.fspath(content.path), parts, name)
            else:
                self._free_space.demand(content.size_bytes)
                self._publish_incoming(chunks_of(source), parts, name)
        finally:
            os.close(source)
        with suppress(OSError):
            self._system.unlink(os.fspath(content.path))

    def _publish_incoming(self, chunks: Iterable[bytes], parts: Parts, name: str) -> None:
        """Write a file under a temporary name, durably, and link it to its own name."""
        path = f"{self._incoming_folder()}/{next(self._names)}"
        try:
            write_file(self._system, path, chunks)
            self._link(path, parts, name)
        finally:
            with suppress(OSError):
                self._system.unlink(path)

    def _link(self, path: str, parts: Parts, name: str) -> None:
        if not self._folders.link(path, parts, name):
            demand_same(path, "/".join((self._objects_path, *parts, name)), self._system)

    def _replace(self, parts: Parts, old: str, new: str) -> None:
        try:
            self._folders.rename(parts, old, new)
        except FileNotFoundError as error:
            raise ObjectMissing("The object that was to replace another is gone.") from error

    def _incoming_folder(self) -> str:
        """A folder for each thread: creating files in one makes the kernel's threads wait."""
        folder: str | None = getattr(self._of_thread, "folder", None)
        if folder is None:
            folder = f"{self._incoming_path}/w{threading.get_ident()}"
            Path(folder).mkdir(FOLDER_MODE, exist_ok=True)
            self._of_thread.folder = folder  # only now: a full disk may have refused it
        return folder


def _read(path: str, offset: int, length: int) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _missing() from error
    try:
        # The kernel's buffer is made before it knows how much there is: ask for what exists only.
        return os.pread(fd, max(0, min(length, os.fstat(fd).st_size - offset)), offset)
    finally:
        os.close(fd)


def _missing() -> ObjectMissing:
    return ObjectMissing("The archive does not hold an object its index names.")


def _size(path: str) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_size  # noqa: PTH116 - no Path is needed
    except FileNotFoundError:
        return None


def demand_same(path: str, held: str, system: System) -> None:
    """Raise `ObjectExists` unless the file `held` has the bytes of `path`; make them durable."""
    with suppress(FileNotFoundError), open(held, "rb") as one, open(path, "rb") as other:  # noqa: PTH123
        if _same(one, other):
            system.fdatasync(one.fileno())
            return
    message = (
        "Other bytes lie under the name that an object was to have. The index was probably"
        " replaced by an older one: stop the server and run `hilum fsck`."
    )
    raise ObjectExists(message)


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    if os.fstat(one.fileno()).st_size != os.fstat(other.fileno()).st_size:
        return False
    while chunk := one.read(_COPY_BYTES):
        if chunk != other.read(_COPY_BYTES):
            return False
    return True
