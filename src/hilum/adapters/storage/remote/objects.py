"""Objects in a bucket. Needs the extra `objects` (obstore) and the right to list the bucket.

Below the archive's prefix, `objects/<partition>/<shard>/<study>/<series>/<instance>.<version>.dcm`
holds the objects, as on a disk, and `incoming/` what helps writing them. A put is visible when the
store has it whole and has confirmed it; what is in the spool stays there until then.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from hilum.adapters.storage.layout import place
from hilum.adapters.storage.remote.bucket import Bucket
from hilum.adapters.storage.remote.options import Access, Location, RemoteLimits
from hilum.adapters.storage.remote.putting import INCOMING, Putting
from hilum.adapters.storage.remote.reading import stream_ranges
from hilum.adapters.storage.remote.stores import make_store
from hilum.domain.errors import ArchiveFault, ArchiveUnavailable, ObjectMissing
from hilum.domain.identifiers import ObjectKey, object_key, parse_object_key
from hilum.domain.instances import Content
from hilum.ports.objects import StoredObject

_OBJECTS: Final = "objects"
_LARGEST_COPY_BYTES: Final = 5 << 30
"""S3 copies no larger object in one request."""


class RemoteObjects:
    """The object store in one bucket; open it with `async with`."""

    def __init__(
        self,
        location: Location,
        access: Access,
        limits: RemoteLimits | None = None,
        *,
        environment: Mapping[str, str],
    ) -> None:
        self._location = location
        self._limits = limits or RemoteLimits()
        made = make_store(location, access, self._limits, environment)
        once = make_store(location, access, self._limits, environment, retries=False)
        self._bucket = Bucket(made.store, location, self._limits)
        self._impatient = Bucket(once.store, location, self._limits)
        self._downloads = asyncio.Semaphore(self._limits.downloads)
        self._putting = Putting(
            self._bucket,
            self._limits,
            conditional={"auto": made.conditional, "conditional": True, "check": False}[
                self._limits.put_once
            ],
        )

    async def __aenter__(self) -> Self:
        """Look whether the bucket is there; remove what was abandoned in it long ago."""
        old = datetime.now(UTC) - timedelta(seconds=self._limits.abandoned_seconds)
        async for page in self._bucket.pages(INCOMING):
            for listed in page:
                if listed.modified < old:
                    try:
                        await self._bucket.remove(listed.path)
                    except ArchiveFault:  # credentials that only read: a writer will do it
                        return self
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held open that the client does not close by itself."""

    async def ping(self) -> None:
        """Ask the store something, without patience. Raises `ArchiveUnavailable`."""
        async for _ in self._impatient.pages(INCOMING, 1):
            return

    async def holds_any(self) -> bool:
        """True when there is an object."""
        async for _ in self.list():
            return True
        return False

    async def put_once(self, key: ObjectKey, content: Content) -> None:
        """See `ObjectStore.put_once`."""
        await self._putting.put(_path(key), content)

    async def replace(self, key: ObjectKey, source: ObjectKey) -> None:
        """See `ObjectStore.replace`. The step in which readers change over is one request."""
        if place(key)[0] != place(source)[0]:
            message = "an object can only be replaced by one of the same instance"
            raise ValueError(message)
        target, path = _path(key), _path(source)
        size = await self._bucket.size(path)
        if size is None:
            message = "The object that was to replace another is gone."
            raise ObjectMissing(message)
        # Azure may copy behind one's back, after the request: there the bytes pass through here.
        if self._location.scheme == "az" or size > _LARGEST_COPY_BYTES:
            await self._bucket.upload(target, self.stream(source), size)
        else:
            await self._bucket.copy(path, target)
        if await self._bucket.size(target) != size:
            message = "The object store confirmed a copy and has not its bytes."
            raise ArchiveUnavailable(message)
        await self._bucket.remove(path)

    async def size(self, key: ObjectKey) -> int | None:
        """See `ObjectStore.size`."""
        async with self._downloads:
            return await self._bucket.size(_path(key))

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        """See `ObjectStore.read`."""
        data, _ = await self._range(_path(key), offset, length)
        return data

    def stream(
        self, key: ObjectKey, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """See `ObjectStore.stream`."""
        path = _path(key)
        return stream_ranges(
            lambda at, count: self._range(path, at, count),
            self._limits.chunk_bytes,
            self._limits.chunks_ahead,
            offset=offset,
            length=length,
        )

    async def delete(self, key: ObjectKey) -> None:
        """See `ObjectStore.delete`."""
        await self._bucket.remove(_path(key))

    async def list(self) -> AsyncIterator[StoredObject]:
        """See `ObjectStore.list`."""
        async for page in self._bucket.pages(_OBJECTS):
            for listed in page:
                key = _key(listed.path)
                if key is not None:
                    yield StoredObject(key, listed.size_bytes)

    async def _range(self, path: str, offset: int, length: int) -> tuple[bytes, int]:
        async with self._downloads:
            return await self._bucket.read(path, offset, length)


def _path(key: ObjectKey) -> str:
    folders, name = place(key)
    return "/".join((_OBJECTS, *folders, name))


def _key(path: str) -> ObjectKey | None:
    """The key of what lies at `path`; None unless it lies where its key would put it."""
    try:
        _, partition, _, study, series, name = path.split("/")
        key = object_key(*parse_object_key(f"{partition}/{study}/{series}/{name}"))
    except ValueError:
        return None
    return key if _path(key) == path else None
