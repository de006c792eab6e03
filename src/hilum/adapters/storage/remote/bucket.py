"""One prefix of a bucket: the client's calls, bounded in time, with errors of ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hilum.adapters.storage.remote.faults import (
    StoreError,
    is_missing,
    is_out_of_range,
    is_taken,
    is_unsupported,
    store_fault,
    timed_out,
)
from hilum.adapters.storage.remote.options import Location, RemoteLimits
from hilum.adapters.storage.remote.stores import Store
from hilum.domain.errors import ObjectMissing

if TYPE_CHECKING:
    from obstore import GetOptions

_MOST_PARTS: Final = 10_000
"""Of one upload: the limit of S3, the lowest of the three."""
_LIST_PAGE: Final = 500


class Taken(Exception):
    """Something lies under the name of a conditional put, or is being put there right now."""


class ConditionUnknown(Exception):
    """The server does not know conditional puts."""


@dataclass(frozen=True, slots=True)
class Listed:
    path: str
    size_bytes: int
    modified: datetime


class Bucket:
    """Paths are relative to the archive's prefix."""

    def __init__(self, store: Store, location: Location, limits: RemoteLimits) -> None:
        self._store = store
        self._place = str(location)
        self._limits = limits

    async def create(self, path: str, data: bytes) -> None:
        """Put `data` where nothing is. Raises `Taken` and `ConditionUnknown`."""
        action = "keeping an object"
        with self._faults(action):
            async with self._time_for(len(data)):
                try:
                    await self._store.put_async(path, data, mode="create")
                except StoreError as error:
                    if is_taken(error):
                        raise Taken from None
                    if is_unsupported(error):
                        raise ConditionUnknown from None
                    raise

    async def overwrite(self, path: str, data: bytes) -> None:
        """Put `data`, whatever is there."""
        with self._faults("keeping an object"):
            async with self._time_for(len(data)):
                await self._store.put_async(path, data, mode="overwrite", use_multipart=False)

    async def upload(
        self, path: str, content: Path | AsyncIterator[bytes], size_bytes: int
    ) -> None:
        """Put a file or a stream in parts, whatever is there; it is visible when it is whole."""
        limits = self._limits
        with self._faults("keeping an object"):
            async with self._time_for(size_bytes):
                await self._store.put_async(
                    path,
                    content,
                    use_multipart=True,
                    chunk_size=max(limits.part_bytes, -(-size_bytes // _MOST_PARTS)),
                    max_concurrency=limits.parts_at_once,
                )

    async def size(self, path: str) -> int | None:
        """None when nothing is there."""
        with self._faults("looking for an object"):
            async with self._time_for(0):
                try:
                    return (await self._store.head_async(path))["size"]
                except FileNotFoundError:
                    pass
                # The answer to HEAD has no body that tells a missing object from a missing bucket.
                try:
                    return (await self._store.get_async(path)).meta["size"]
                except StoreError as error:
                    if is_missing(error):
                        return None
                    raise

    async def read(self, path: str, offset: int, length: int) -> tuple[bytes, int]:
        """Return up to `length` bytes from `offset`, and the size of the whole object."""
        if length > 0:
            options: GetOptions = {"range": (offset, offset + length)}
            with self._faults("reading an object"):
                async with self._time_for(length):
                    try:
                        found = await self._store.get_async(path, options=options)
                        data = (await found.bytes_async()).to_bytes()
                    except StoreError as error:
                        if not is_out_of_range(error):
                            raise
                    else:
                        return data, found.meta["size"]
        size = await self.size(path)
        if size is None:
            raise ObjectMissing("The archive does not hold an object its index names.")
        return b"", size

    async def read_if_there(self, path: str, offset: int, length: int) -> bytes | None:
        """Like `read`, the bytes only; None when nothing is there."""
        try:
            data, _ = await self.read(path, offset, length)
        except ObjectMissing:
            return None
        return data

    async def remove(self, path: str) -> None:
        """Delete; nothing there is no error."""
        with self._faults("deleting an object"):
            async with self._time_for(0):
                try:
                    await self._store.delete_async(path)
                except StoreError as error:
                    if not is_missing(error):
                        raise

    async def copy(self, source: str, target: str) -> None:
        """Let the store copy an object, whatever is at `target`."""
        with self._faults("replacing an object"):
            async with self._time_for(0):
                await self._store.copy_async(source, target, overwrite=True)

    async def pages(self, prefix: str, count: int = _LIST_PAGE) -> AsyncIterator[Sequence[Listed]]:
        """Yield what lies below `prefix`, some at a time."""
        stream = aiter(self._store.list(prefix, chunk_size=count))
        while True:
            with self._faults("listing objects"):
                async with self._time_for(0):
                    page = await anext(stream, None)
            if page is None:
                return
            yield [Listed(each["path"], each["size"], each["last_modified"]) for each in page]

    def _time_for(self, size_bytes: int) -> asyncio.Timeout:
        limits = self._limits
        return asyncio.timeout(limits.operation_seconds + size_bytes / limits.bytes_per_second)

    @contextmanager
    def _faults(self, action: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise timed_out(self._limits.operation_seconds, action, self._place) from error
        except StoreError as error:
            # The chain would carry the client's text, which holds keys, into logs of tracebacks.
            raise store_fault(error, action, self._place) from None
