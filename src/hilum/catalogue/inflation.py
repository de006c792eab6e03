"""Reading parts of a deflated data set (PS3.5 A.5) without holding the whole of it."""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from hilum.catalogue.stored_bytes import damaged
from hilum.dicom.frames import Span
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore

_CHUNK_BYTES: Final = 256 * 1024


class Inflation:
    """Inflates forward; going back begins anew. Memory is that of a chunk of the object.

    How much a data set may inflate to was decided when the instance came in (`dicom.inflated_bytes`
    and `dicom.inflation_ratio`): spans end within that.
    """

    def __init__(self, objects: ObjectStore, record: InstanceRecord) -> None:
        self._objects = objects
        self._record = record
        self._chunks: AsyncGenerator[bytes, None] | None = None
        self._chunk = b""
        self._chunk_start = 0

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """Yield the bytes of `span`. Raises `ObjectMissing` when the data set ends before."""
        left = span.length
        async for piece in self.read_up_to(span):
            left -= len(piece)
            yield piece
        if left:
            raise damaged(self._record)

    async def read_up_to(self, span: Span) -> AsyncIterator[bytes]:
        """Yield what of `span` there is. Raises `ObjectMissing` for damage."""
        position, stop = span.offset, span.offset + span.length
        if self._chunks is None or position < self._chunk_start:
            await self.close()
            self._chunks = self._inflated()
        while position < stop:
            begin = position - self._chunk_start
            if begin < len(self._chunk):
                piece = self._chunk[begin : stop - self._chunk_start]
                position += len(piece)
                yield piece
            else:
                self._chunk_start += len(self._chunk)
                self._chunk = await anext(self._chunks, b"")
                if not self._chunk:
                    return

    async def close(self) -> None:
        """Let go of the object; reading begins anew."""
        if self._chunks is not None:
            await self._chunks.aclose()
        self._chunks, self._chunk, self._chunk_start = None, b"", 0

    async def _inflated(self) -> AsyncGenerator[bytes, None]:
        record = self._record
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        stored = record.size_bytes - record.dataset_offset
        stream = self._objects.stream(record.object_key, record.dataset_offset, stored)
        try:
            async for deflated in stream:
                left = deflated
                while left and not inflater.eof:
                    chunk = await asyncio.to_thread(inflater.decompress, left, _CHUNK_BYTES)
                    left = inflater.unconsumed_tail
                    if chunk:
                        yield chunk
        except zlib.error as error:
            raise damaged(record) from error
