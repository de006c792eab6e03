"""Bytes that go out for an instance that is no image, any part of them by itself."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import read_exactly, stream_exactly
from hilum.dicom.frames import Span
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore


class Rendition(Protocol):
    """A rendered form that can be sent."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop`.

        Raises `ObjectMissing` and `ArchiveUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class WrittenBytes:
    """Bytes that were made."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """See `Rendition.chunks`."""
        yield self.data[start:stop]


@dataclass(frozen=True, slots=True)
class StoredSpans:
    """Parts of a stored object, one after another: nothing is decoded, little is held."""

    objects: ObjectStore
    record: InstanceRecord
    spans: Sequence[Span]
    whole_bytes: int
    """Spans up to this size are read in one piece."""

    @property
    def size_bytes(self) -> int:
        return sum(span.length for span in self.spans)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """See `Rendition.chunks`."""
        position = 0
        for offset, length in self.spans:
            first, last = max(start - position, 0), min(stop - position, length)
            position += length
            if first >= last:
                continue
            if last - first <= self.whole_bytes:
                yield await read_exactly(self.objects, self.record, offset + first, last - first)
                continue
            streamed = stream_exactly(self.objects, self.record, offset + first, last - first)
            async with aclosing(streamed) as chunks:
                async for chunk in chunks:
                    yield chunk


@dataclass(frozen=True, slots=True)
class InflatedSpan:
    """A part of what a deflated data set inflates to, inflated while it is sent."""

    objects: ObjectStore
    record: InstanceRecord
    span: Span

    @property
    def size_bytes(self) -> int:
        return self.span.length

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """See `Rendition.chunks`."""
        inflation = Inflation(self.objects, self.record)
        try:
            async for chunk in inflation.read(Span(self.span.offset + start, stop - start)):
                yield chunk
        finally:
            await inflation.close()
