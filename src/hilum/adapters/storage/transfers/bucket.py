"""A bucket or container as a place of transfers. Needs the extra `objects`."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from hilum.adapters.storage.remote.bucket import Bucket
from hilum.adapters.storage.remote.faults import StoreError, is_missing, store_fault
from hilum.adapters.storage.remote.options import Location, RemoteLimits
from hilum.adapters.storage.remote.reading import stream_ranges
from hilum.adapters.storage.remote.stores import Store
from hilum.adapters.storage.transfers.refusals import is_lasting
from hilum.domain.errors import ObjectMissing
from hilum.domain.transfers import PlaceUnavailable, PlaceUnusable, TransferPlace
from hilum.ports.transfers import PlacedFile

_PAGE: Final = 500
_READING: Final = "reading an object"


class BucketPlace(Bucket):
    """`TransferStore`."""

    def __init__(self, store: Store, place: TransferPlace, limits: RemoteLimits) -> None:
        super().__init__(store, Location("s3", place.url, place.prefix), limits)
        self._place = str(place)
        self._url = str(place)

    async def put(self, name: str, content: bytes | AsyncIterator[bytes], size_bytes: int) -> None:
        if isinstance(content, bytes):
            await self.overwrite(name, content)
        else:
            await self.upload(name, content, size_bytes)

    async def clear(self, folder: str) -> None:
        """Nothing shows of what was not put whole; the bucket's own rules remove its parts."""

    async def list(self, after: str) -> AsyncIterator[PlacedFile]:
        pages = aiter(self._store.list(offset=after or None, chunk_size=_PAGE))
        last = after
        while True:
            with self._faults("listing objects"):
                async with self._time_for(0):
                    page = await anext(pages, None)
            if page is None:
                return
            for each in page:
                if each["path"] <= last:
                    message = f"{self._place} lists its objects in no order that could be gone on."
                    raise PlaceUnusable(message)
                last = each["path"]
                yield PlacedFile(last, each["size"])

    def stream(self, file: PlacedFile) -> AsyncIterator[bytes]:
        limits = self._limits
        return stream_ranges(
            lambda at, count: self.read(file.name, at, count),
            limits.chunk_bytes,
            limits.chunks_ahead,
            offset=0,
            length=None,
        )

    def href(self, name: str) -> str:
        return f"{self._url}/{quote(name)}"

    @contextmanager
    def _faults(self, action: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            message = f"{self._place} did not finish {action} in time."
            raise PlaceUnavailable(message) from error
        except StoreError as error:
            # The chain would carry the client's text, which may hold parts of signatures.
            raise self._fact(error, action) from None

    def _fact(self, error: Exception, action: str) -> Exception:
        if is_missing(error) and action == _READING:
            return ObjectMissing("It is there no longer.")
        if isinstance(error, FileNotFoundError):
            return PlaceUnusable(f"There is no {self._place}, or it does not show: make it first.")
        text = str(store_fault(error, action, self._place))
        return PlaceUnusable(text) if is_lasting(error) else PlaceUnavailable(text)
