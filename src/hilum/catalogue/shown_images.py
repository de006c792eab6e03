"""How stored images say that they are shown: read once, remembered while there is room."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.inflation import Inflation
from hilum.catalogue.stored_bytes import read_exactly
from hilum.catalogue.stored_metadata import metadata_of, read_metadata
from hilum.dicom.before_pixels import (
    FLOAT_PIXELS,
    BeforePixels,
    names_tables,
    read_before_pixels,
)
from hilum.dicom.display_facts import display_of
from hilum.dicom.elements import ElementPath
from hilum.dicom.frames import Span
from hilum.dicom.image_facts import pixels_of
from hilum.dicom.json_values import JsonDataset, whole
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import NotTranscodable, PixelLimitExceeded
from hilum.domain.identifiers import TransferSyntaxUID, Version
from hilum.domain.images import ImagePixels
from hilum.domain.instances import Metadata
from hilum.domain.presentation import Display
from hilum.domain.records import InstanceRecord
from hilum.foundation.recent import Recent
from hilum.ports.index import FrameReader
from hilum.ports.objects import ObjectStore

_JSON_IN_MEMORY: Final = 10
"""Bytes that Python's objects take for one of JSON, about."""
_REPRESENTATIVE_FRAME: Final = "00286010"
_MAY_BE_FLOAT: Final = 32
"""From so many Bits Allocated on, pixels may be floating point numbers."""


@dataclass(frozen=True, slots=True)
class ShownImage:
    """What an instance says about its pixels."""

    pixels: ImagePixels
    """As an engine takes them: native ones in little endian order."""
    dataset: JsonDataset
    values: Mapping[ElementPath, bytes]
    memory_bytes: int
    """About what this takes."""
    _latest: dict[int, Display] = field(default_factory=dict, compare=False, repr=False)
    """What was found out last: who moves a window asks for the same frame over and over."""

    def display(self, frame: int) -> Display:
        """How a frame, which counts from 0, is shown."""
        display = self._latest.get(frame)
        if display is None:
            display = display_of(self.dataset, frame, self.values.get)
            self._latest.clear()
            self._latest[frame] = display
        return display

    @property
    def representative_frame(self) -> int | None:
        """Representative Frame Number (0028,6010), counted from 0."""
        number = whole(self.dataset, _REPRESENTATIVE_FRAME)
        return number - 1 if number is not None and number > 0 else None


class ShownImages:
    """Finds out how images are shown; by version, which names what never changes."""

    def __init__(
        self,
        reader: FrameReader,
        objects: ObjectStore,
        *,
        header_limits: HeaderLimits,
        header_bytes: int,
        memory_bytes: int,
    ) -> None:
        """Of a file, at most `header_bytes` before its pixels are read."""
        self._reader = reader
        self._objects = objects
        self._header_limits = header_limits
        self._header_bytes = header_bytes
        self._known: Recent[Version, ShownImage] = Recent(memory_bytes)

    async def of(self, found: FoundFrames) -> ShownImage:
        """Read what is said about an instance.

        Raises `PixelsNotDecodable`, `NotTranscodable` (floating point numbers cannot be drawn),
        `PixelLimitExceeded`, `ObjectMissing` (also: it was replaced meanwhile) and
        `ArchiveUnavailable`.
        """
        version = found.record.version
        known = self._known.get(version)
        if known is not None:
            return known
        shown = await self._read(found)
        self._known.keep(version, shown, shown.memory_bytes)
        return shown

    async def _read(self, found: FoundFrames) -> ShownImage:
        record = found.record
        metadata = await metadata_of(self._reader, found.scope, record)
        syntax = record.transfer_syntax_uid
        pixels, dataset, has_tables = await read_metadata(metadata, lambda it: _said(it, syntax))
        values: Mapping[ElementPath, bytes] = {}
        if has_tables or pixels.samples_per_pixel > 1 or pixels.bits_allocated >= _MAY_BE_FLOAT:
            before = await self._before_pixels(record, found)
            if before.pixels_tag in FLOAT_PIXELS:
                message = "Pixels that are floating point numbers cannot be drawn."
                raise NotTranscodable(message)
            values = before.values
        if found.is_native:
            little = TransferSyntaxUID(EXPLICIT_VR_LITTLE_ENDIAN)
            pixels = replace(pixels, transfer_syntax_uid=little)
        # Tables and overlays are held once more by what is made of them.
        size = _JSON_IN_MEMORY * metadata.size_bytes + 2 * sum(map(len, values.values()))
        return ShownImage(pixels, dataset, values, size)

    async def _before_pixels(self, record: InstanceRecord, found: FoundFrames) -> BeforePixels:
        """What the file has before its pixels, and its metadata has not."""
        table = found.places.table
        if table.start > self._header_bytes:
            what = "There are more bytes before the pixel data of an image that is to be drawn"
            raise PixelLimitExceeded("retrieve.drawn_header_bytes", self._header_bytes, what)
        if table.inflated:
            inflation = Inflation(self._objects, record)
            try:
                chunks = [chunk async for chunk in inflation.read(Span(0, table.start))]
            finally:
                await inflation.close()
            prefix = b"".join(chunks)
        else:
            prefix = await read_exactly(self._objects, record, 0, table.start)
        syntax, limits = record.transfer_syntax_uid, self._header_limits
        return await asyncio.to_thread(read_before_pixels, prefix, table, syntax, limits)


def _said(metadata: Metadata, syntax: TransferSyntaxUID) -> tuple[ImagePixels, JsonDataset, bool]:
    text = metadata.text()
    dataset = orjson.loads(text)
    return pixels_of(dataset, syntax), dataset, names_tables(text)
