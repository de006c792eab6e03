"""The header of a stored instance, read anew: of its bulk values only the places."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import damaged
from hilum.dicom.frames import Span
from hilum.dicom.header import Header, HeaderLimits, read_header
from hilum.dicom.sources import WINDOW_BYTES
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore

_EVERYTHING: Final = 1 << 62


class StoredParts:
    """Parts of a stored object, or of what its deflated data set inflates to (PS3.5 A.5)."""

    def __init__(self, objects: ObjectStore, record: InstanceRecord) -> None:
        self._objects = objects
        self._record = record
        self._is_deflated = encoding_of(record.transfer_syntax_uid).is_deflated

    async def size(self) -> int:
        """Bytes there are; a deflated data set is inflated to count them, and not held."""
        if not self._is_deflated:
            return self._record.size_bytes
        size = 0
        async for piece in self._inflated(Span(0, _EVERYTHING)):
            size += len(piece)
        return size

    async def read(self, span: Span) -> bytes:
        """Return the bytes of `span`, fewer at the end. Raises as `ObjectStore.read` does."""
        if not self._is_deflated:
            return await self._objects.read(self._record.object_key, span.offset, span.length)
        return b"".join([piece async for piece in self._inflated(span)])

    async def _inflated(self, span: Span) -> AsyncGenerator[bytes, None]:
        inflation = Inflation(self._objects, self._record)
        try:
            async for piece in inflation.read_up_to(span):
                yield piece
        finally:
            await inflation.close()


async def stored_header(
    objects: ObjectStore, record: InstanceRecord, limits: HeaderLimits
) -> Header:
    """Read the header, and next to nothing of the bulk values in it.

    Places in a deflated data set count in what it inflates to, as those of a file without a head.
    Raises the errors of `hilum.dicom.errors`, `LimitExceeded`, `ObjectMissing` and
    `ArchiveUnavailable`.
    """
    limits = replace(limits, inline_bytes=None)  # all of them by their places, small ones too
    parts = StoredParts(objects, record)
    source = _KnownParts(await parts.size())
    source.add(0, await parts.read(Span(0, WINDOW_BYTES)))
    while True:
        try:
            return await asyncio.to_thread(read_header, source, limits=limits)
        except _Unknown as unknown:
            # The more is known, the more is read at once: few attempts, however long it is.
            length = max(unknown.length, source.known_bytes)
            data = await parts.read(Span(unknown.offset, length))
            if len(data) < unknown.length:
                raise damaged(record) from None
            source.add(unknown.offset, data)


class _Unknown(Exception):
    """Bytes are wanted that were not read yet."""

    def __init__(self, offset: int, length: int) -> None:
        super().__init__()
        self.offset = offset
        self.length = length


class _KnownParts:
    """A source of which parts are in memory."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._parts: list[tuple[int, bytes]] = []
        self.known_bytes = 0

    def add(self, offset: int, data: bytes) -> None:
        self._parts.append((offset, data))
        self.known_bytes += len(data)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(self._size)
        for offset, data in reversed(self._parts):
            if offset <= start and stop <= offset + len(data):
                return data[start - offset : stop - offset]
        if stop <= start:
            return b""
        raise _Unknown(start, stop - start)
