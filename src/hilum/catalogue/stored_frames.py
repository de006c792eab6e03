"""Reading frames out of a stored object: what is asked for, and next to nothing else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hilum.catalogue.frame_pieces import FoundFrames, FrameContent, FramePiece
from hilum.catalogue.frame_samples import bits_from, cut, swapped
from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import read_exactly, stream_exactly
from hilum.dicom.frames import Span
from hilum.ports.objects import ObjectStore

_GAP_BYTES: Final = 4096
"""Bytes between two frames that are read and thrown away rather than asked for around."""


@dataclass(slots=True)
class _Batch:
    """Pieces that lie close together, read at once."""

    pieces: list[tuple[FramePiece, Sequence[Span]]]
    start: int
    stop: int


class StoredFrames:
    """The wanted frames without decoding: fragments joined, samples in the order of their bytes.

    `swap_unit` is the width of numbers whose byte order is turned, 1 when none is. Frames up to
    `whole_bytes` are read in one piece, larger ones stream.
    """

    def __init__(
        self, objects: ObjectStore, found: FoundFrames, *, swap_unit: int, whole_bytes: int
    ) -> None:
        self._objects = objects
        self._found = found
        self._swap_unit = swap_unit
        self._whole_bytes = whole_bytes
        table = found.places.table
        self._is_plain = table.encapsulated or (swap_unit == 1 and table.frame_bits % 8 == 0)
        self._is_plain = self._is_plain and not table.inflated
        self._inflation: Inflation | None = None
        self._turn = asyncio.Lock()

    @cached_property
    def sizes(self) -> Sequence[int] | None:
        """Bytes of each wanted frame."""
        return [self._found.places.size_bytes(frame) for frame in self._found.frames]

    async def read(self, position: int) -> bytes:
        """Return one wanted frame whole. Raises `ObjectMissing`, `ArchiveUnavailable`.

        Frames of a deflated data set are best read in their order: going back begins anew. Whoever
        is done with them closes.
        """
        frame = self._found.frames[position]
        if self._is_plain:
            spans = self._found.places.spans(frame)
            if len(spans) == 1 and spans[0].length <= self._whole_bytes:
                return await self._read(spans[0])
        size = self._found.places.size_bytes(frame)
        if self._found.places.table.inflated:
            return await self._read_inflated(FramePiece(position, 0, size))
        async with aclosing(self.open([FramePiece(position, 0, size)])) as opened:
            content = (await anext(opened)).content
            if isinstance(content, bytes):
                return content
            return b"".join([chunk async for chunk in content])

    async def _read_inflated(self, piece: FramePiece) -> bytes:
        async with self._turn:
            if self._inflation is None:
                self._inflation = Inflation(self._objects, self._found.record)
            chunks = cut(self._samples(piece, self._inflation), piece.start, piece.stop)
            return b"".join([chunk async for chunk in chunks])

    async def close(self) -> None:
        """Let go of what `read` left open."""
        async with self._turn:
            if self._inflation is not None:
                await self._inflation.close()
                self._inflation = None

    async def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        """Yield the bytes of the pieces in order. Raises `ObjectMissing`, `ArchiveUnavailable`."""
        opened = self._plain(pieces) if self._is_plain else self._turned(pieces)
        async with aclosing(opened) as contents:
            async for content in contents:
                yield content

    async def _plain(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        for batch in self._batches(pieces):
            if batch.stop - batch.start > self._whole_bytes:
                ((piece, spans),) = batch.pieces
                yield FrameContent(piece.position, self._streamed(spans))
                continue
            data = await self._read(Span(batch.start, batch.stop - batch.start))
            for piece, spans in batch.pieces:
                yield FrameContent(piece.position, _joined(data, batch.start, spans))

    def _batches(self, pieces: Iterable[FramePiece]) -> Iterator[_Batch]:
        batch: _Batch | None = None
        for piece in pieces:
            frame = self._found.frames[piece.position]
            spans = _between(self._found.places.spans(frame), piece.start, piece.stop)
            start = spans[0].offset if spans else 0
            stop = spans[-1].offset + spans[-1].length if spans else 0
            if (
                batch is not None
                and batch.stop <= start <= batch.stop + _GAP_BYTES
                and stop - batch.start <= self._whole_bytes
            ):
                batch.pieces.append((piece, spans))
                batch.stop = stop
                continue
            if batch is not None:
                yield batch
            batch = _Batch([(piece, spans)], start, stop)
        if batch is not None:
            yield batch

    async def _turned(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        inflation: Inflation | None = None
        if self._found.places.table.inflated:
            inflation = Inflation(self._objects, self._found.record)
        try:
            for piece in pieces:
                chunks = cut(self._samples(piece, inflation), piece.start, piece.stop)
                if piece.stop - piece.start > self._whole_bytes:
                    yield FrameContent(piece.position, chunks)
                else:
                    data = b"".join([chunk async for chunk in chunks])
                    yield FrameContent(piece.position, data)
        finally:
            if inflation is not None:
                await inflation.close()

    def _samples(self, piece: FramePiece, inflation: Inflation | None) -> AsyncIterator[bytes]:
        frame, places = self._found.frames[piece.position], self._found.places
        if places.table.encapsulated:
            spans = places.spans(frame)
            return self._streamed(spans) if inflation is None else _inflated(inflation, spans)
        start, unit = places.table.start, self._swap_unit
        (span,) = places.spans(frame)
        first = span.offset - (span.offset - start) % unit
        length = span.offset + span.length - first
        whole = Span(first, length + -length % unit)
        raw = self._chunks(whole) if inflation is None else inflation.read(whole)
        if unit > 1:
            raw = swapped(raw, unit)
        bit_offset = places.table.bit_offset(frame) + 8 * (span.offset - first)
        return bits_from(raw, bit_offset, places.table.frame_bits)

    async def _streamed(self, spans: Sequence[Span]) -> AsyncIterator[bytes]:
        for span in spans:
            async for chunk in self._chunks(span):
                yield chunk

    async def _chunks(self, span: Span) -> AsyncIterator[bytes]:
        if span.length <= self._whole_bytes:
            yield await self._read(span)
            return
        record = self._found.record
        async for chunk in stream_exactly(self._objects, record, span.offset, span.length):
            yield chunk

    async def _read(self, span: Span) -> bytes:
        if not span.length:
            return b""
        return await read_exactly(self._objects, self._found.record, span.offset, span.length)


async def _inflated(inflation: Inflation, spans: Sequence[Span]) -> AsyncIterator[bytes]:
    for span in spans:
        async for chunk in inflation.read(span):
            yield chunk


def _between(spans: Sequence[Span], start: int, stop: int) -> list[Span]:
    """The spans of the bytes from `start` to `stop` of all `spans`, put one after another."""
    found = []
    position = 0
    for offset, length in spans:
        first, last = max(start - position, 0), min(stop - position, length)
        if first < last:
            found.append(Span(offset + first, last - first))
        position += length
    return found


def _joined(data: bytes, start: int, spans: Sequence[Span]) -> bytes:
    if len(spans) == 1 and spans[0].length == len(data):
        return data
    return b"".join(data[offset - start : offset - start + length] for offset, length in spans)
