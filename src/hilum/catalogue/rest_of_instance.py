"""What of a stored instance is not pixel data: read whole, within a limit."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import read_exactly
from hilum.dicom.derived_images import demand_plain_items
from hilum.dicom.explicit_little import (
    NeedsMore,
    NotConvertible,
    PixelElement,
    convert_elements,
    explicit,
    read_up_to_pixels,
)
from hilum.dicom.frames import Span
from hilum.dicom.plain_elements import NotPlain, plain_elements
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.ports.objects import ObjectStore

_PIXEL_DATA: Final = 0x7FE00010
_HEAD_BYTES: Final = 12
"""Of an element of VR OB with explicit VR (PS3.5 7.1.2)."""


@dataclass(frozen=True, slots=True)
class BeforePixelData:
    """The elements before the pixel data, and where that is."""

    elements: bytes
    """In Explicit VR Little Endian."""
    pixels: PixelElement


class RestOfInstance:
    """Reads the elements before and after the pixel data of instances."""

    def __init__(self, objects: ObjectStore, limit_bytes: int) -> None:
        self._objects = objects
        self._limit_bytes = limit_bytes

    async def before(self, found: FoundFrames) -> BeforePixelData:
        """Return the elements before the pixel data.

        Raises `NotConvertible`, `ObjectMissing`, `ArchiveUnavailable`.
        """
        start, table = _start_of_data_set(found), found.places.table
        source = await self._read(found, Span(start, table.start - start), exactly=True)
        syntax = found.record.transfer_syntax_uid
        try:
            elements, pixels = await asyncio.to_thread(_before_pixels, source, syntax)
        except NeedsMore as error:
            message = "no pixel data is where it should be"
            raise NotConvertible(message) from error
        element = _element_in_place(found, pixels, start)
        if table.encapsulated:
            demand_plain_items(source[: element.offset - _HEAD_BYTES])
        return BeforePixelData(elements, element)

    async def after(self, found: FoundFrames, element: PixelElement) -> bytes:
        """Return the elements behind the pixel data in Explicit VR Little Endian.

        Raises as `before` does.
        """
        record = found.record
        if element.length is None:
            start = found.places.end
        else:
            start = _start_of_data_set(found) + element.offset + element.length
        if found.places.table.inflated:
            source = await self._read(found, Span(start, self._limit_bytes + 1), exactly=False)
        else:
            source = await self._read(found, Span(start, record.size_bytes - start), exactly=True)
        encoding = encoding_of(record.transfer_syntax_uid)
        if not source or (encoding.is_little_endian and not encoding.is_implicit):
            return source
        return await asyncio.to_thread(convert_elements, source, record.transfer_syntax_uid)

    async def _read(self, found: FoundFrames, span: Span, *, exactly: bool) -> bytes:
        if exactly and not 0 <= span.length <= self._limit_bytes:
            message = "the elements beside the pixel data are too long"
            raise NotConvertible(message)
        if not span.length:
            return b""
        if not found.places.table.inflated:
            return await read_exactly(self._objects, found.record, *span)
        inflation = Inflation(self._objects, found.record)
        try:
            pieces = inflation.read(span) if exactly else inflation.read_up_to(span)
            source = b"".join([piece async for piece in pieces])
        finally:
            await inflation.close()
        if len(source) > self._limit_bytes:
            message = "the elements behind the pixel data are too long"
            raise NotConvertible(message)
        return source


def _before_pixels(source: bytes, transfer_syntax_uid: str) -> tuple[bytes, PixelElement | None]:
    """Return the elements in Explicit VR Little Endian: as they are, where they are in it."""
    encoding, end = encoding_of(transfer_syntax_uid), 0
    if encoding.is_little_endian and not encoding.is_implicit:
        try:
            for each in plain_elements(source):
                end = each.stop
        except NotPlain:
            end = 0
    read = read_up_to_pixels(source[end:], transfer_syntax_uid, whole=False)
    pixels = read.pixels and replace(read.pixels, offset=read.pixels.offset + end)
    return source[:end] + explicit(read.dataset, read.is_little_endian), pixels


def _start_of_data_set(found: FoundFrames) -> int:
    return 0 if found.places.table.inflated else found.record.dataset_offset


def _element_in_place(found: FoundFrames, element: PixelElement | None, start: int) -> PixelElement:
    table = found.places.table
    if element is None or element.tag != _PIXEL_DATA:
        message = "only integer pixel data is put into another transfer syntax"
        raise NotConvertible(message)
    is_encapsulated = element.length is None
    if is_encapsulated != table.encapsulated or (
        not is_encapsulated and start + element.offset != table.start
    ):
        message = "no pixel data is where it should be"
        raise NotConvertible(message)
    return element
