"""Bulk values as they go out, any part of them by itself: in little endian order, decoded, joined.

See `Rendition`; these are such, but that a size may be unknown.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from hilum.catalogue.frame_pieces import THE_END, FramePiece
from hilum.catalogue.frame_samples import cut, swapped
from hilum.catalogue.frames import OpenableFrames
from hilum.catalogue.renditions import Rendition
from hilum.catalogue.stored_bytes import damaged
from hilum.catalogue.stored_header import StoredParts
from hilum.dicom.frames import Span
from hilum.domain.records import InstanceRecord
from hilum.ports.objects import ObjectStore

_WINDOW_BYTES: Final = 64 * 1024
_HEAD_BYTES: Final = 8
_ITEM: Final = b"\xfe\xff\x00\xe0"
_END: Final = b"\xfe\xff\xdd\xe0"


class BulkContent(Protocol):
    """A bulk value that can be sent."""

    @property
    def size_bytes(self) -> int | None:
        """None when it is not known before it is made; then it comes as a whole."""
        ...

    def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to before `stop`.

        Raises `ObjectMissing`, `ArchiveUnavailable`, and of what is decoded what
        `PixelEngine.transcode` raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Turned:
    """Big endian numbers of `unit` bytes in little endian order; what is left over stays."""

    stored: Rendition
    unit: int

    @property
    def size_bytes(self) -> int:
        return self.stored.size_bytes

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """See `BulkContent.chunks`."""
        unit, size = self.unit, self.size_bytes
        first, last = start - start % unit, min(stop + -stop % unit, size)
        async with aclosing(self.stored.chunks(first, last)) as chunks:
            async for piece in cut(swapped(chunks, unit), start - first, stop - first):
                yield piece


@dataclass(frozen=True, slots=True)
class JoinedFrames:
    """Frames one after another, as native pixel data has them."""

    frames: OpenableFrames
    number: int

    @property
    def size_bytes(self) -> int | None:
        sizes = self.frames.sizes
        return None if sizes is None else sum(sizes)

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """See `BulkContent.chunks`."""
        async with aclosing(self.frames.open(self._pieces(start, stop))) as contents:
            async for each in contents:
                if isinstance(each.content, bytes):
                    yield each.content
                else:
                    async for chunk in each.content:
                        yield chunk

    def _pieces(self, start: int, stop: int) -> list[FramePiece]:
        sizes = self.frames.sizes
        if sizes is None:
            return [FramePiece(position, 0, THE_END) for position in range(self.number)]
        pieces, begin = [], 0
        for position, size in enumerate(sizes):
            first, last = max(start - begin, 0), min(stop - begin, size)
            if first < last:
                pieces.append(FramePiece(position, first, last))
            begin += size
        return pieces


async def fragment_spans(
    objects: ObjectStore, record: InstanceRecord, offset: int, most: int
) -> Sequence[Span]:
    """Find the fragments of an encapsulated value (PS3.5 A.4), without the offset table.

    `offset` is where the first item begins. Values with more than `most` fragments are no icons;
    they are refused as damaged, as is what is no fragment. Raises `ObjectMissing` and
    `ArchiveUnavailable`.
    """
    parts = StoredParts(objects, record)
    window, window_start = b"", 0
    spans: list[Span] = []
    position = offset
    while len(spans) <= most + 1:  # the offset table is one
        index = position - window_start
        if not 0 <= index <= len(window) - _HEAD_BYTES:
            window = await parts.read(Span(position, _WINDOW_BYTES))
            window_start, index = position, 0
        head = window[index : index + _HEAD_BYTES]
        if head[:4] == _END:
            return spans[1:]
        if head[:4] != _ITEM or len(head) < _HEAD_BYTES:
            break
        length = int.from_bytes(head[4:], "little")
        spans.append(Span(position + _HEAD_BYTES, length))
        position += _HEAD_BYTES + length
    raise damaged(record)
