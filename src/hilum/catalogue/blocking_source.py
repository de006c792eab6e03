"""A stored object as the reader of headers wants it, for threads beside the event loop."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from hilum.catalogue.stored_bytes import damaged
from hilum.dicom.sources import WINDOW_BYTES, FileSource, Source
from hilum.domain.errors import ArchiveUnavailable, ObjectMissing
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import LocalObjects, ObjectStore

_PATIENCE_SECONDS: Final = 300.0
"""A read that the store does not end by itself is given up."""


class RemoteSource:
    """Reads windows of an object through the event loop; used from one thread that is not its own.

    The beginning and the last window are held, no more: memory does not grow with the object.
    """

    def __init__(
        self, objects: ObjectStore, record: InstanceRecord, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._objects = objects
        self._record = record
        self._loop = loop
        self._first = b""
        self._place = 0
        self._last = b""

    def __len__(self) -> int:
        return self._record.size_bytes

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(self._record.size_bytes)
        if stop <= start:
            return b""
        if not self._first:
            self._first = self._read(0, WINDOW_BYTES)
        if stop <= len(self._first):
            return self._first[start:stop]
        if not self._place <= start <= stop <= self._place + len(self._last):
            self._last = self._read(start, max(stop - start, WINDOW_BYTES))
            self._place = start
        return self._last[start - self._place : stop - self._place]

    def _read(self, start: int, length: int) -> bytes:
        length = min(length, self._record.size_bytes - start)
        reading = self._objects.read(self._record.object_key, start, length)
        waiting = asyncio.run_coroutine_threadsafe(reading, self._loop)
        try:
            data = waiting.result(_PATIENCE_SECONDS)
        except TimeoutError as error:
            waiting.cancel()
            message = "The object store did not answer."
            raise ArchiveUnavailable(message) from error
        if len(data) != length:
            raise damaged(self._record)
        return data


def open_source(
    objects: ObjectStore, record: InstanceRecord, loop: asyncio.AbstractEventLoop
) -> AbstractContextManager[Source]:
    """Open an object for reading in this thread, which must not be that of `loop`.

    Raises `ObjectMissing`, `ArchiveUnavailable`; so does reading, where the object is no file.
    """
    if not isinstance(objects, LocalObjects):
        return nullcontext(RemoteSource(objects, record, loop))
    try:
        return FileSource(objects.path(record.object_key))
    except FileNotFoundError as error:
        message = f"The stored object of instance {record.uids.sop_instance} is missing."
        raise ObjectMissing(message) from error
    except OSError as error:
        message = "A stored object cannot be opened."
        raise ArchiveUnavailable(message) from error
