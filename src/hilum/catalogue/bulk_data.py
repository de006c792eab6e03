"""Giving bulk data back: values by their place in the stored object, or out of the metadata."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from hilum.catalogue.bulk_contents import BulkContent, JoinedFrames, Turned, fragment_spans
from hilum.catalogue.frames import Frames
from hilum.catalogue.not_held import not_held
from hilum.catalogue.renditions import InflatedSpan, Rendition, StoredSpans, WrittenBytes
from hilum.catalogue.stored_bytes import damaged
from hilum.catalogue.stored_metadata import IN_THREAD_BYTES, metadata_of, read_metadata
from hilum.dicom.bulk_table import BulkPlace, BulkTable
from hilum.dicom.documents import named_type
from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FrameTable, Span
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, encoding_of
from hilum.dicom.vr import PIXEL_DATA_TAGS
from hilum.domain.errors import LimitExceeded, NoBulkData
from hilum.domain.identifiers import Scope
from hilum.domain.instances import Metadata
from hilum.domain.records import BulkRecord, InstanceRecord
from hilum.ports.index import BulkReader
from hilum.ports.objects import ObjectStore

_PAGE_INSTANCES: Final = 16
_MOST_FRAGMENTS: Final = 100_000
"""Of a value that is not the pixel data of the instance."""
_DOCUMENT: Final = "00420011"


@dataclass(frozen=True, slots=True)
class FoundBulk:
    """A bulk value that exists, of the live version of an instance."""

    record: InstanceRecord
    dataset_sha256: bytes
    path: str
    place: BulkPlace | None
    """None: the value stands in the metadata."""
    inline: bytes = b""
    media_type: str = ""
    """Of a document, as the data set says."""
    frames: FramePlaces | None = None
    """Of encapsulated pixel data whose frames can be told apart."""

    @property
    def is_pixel_data(self) -> bool:
        return int(self.path[-8:], 16) in PIXEL_DATA_TAGS

    @property
    def is_encapsulated(self) -> bool:
        return self.place is not None and self.place.length is None


class BulkData:
    """Finds bulk values and opens them."""

    def __init__(
        self,
        reader: BulkReader,
        objects: ObjectStore,
        frames: Frames,
        *,
        whole_bytes: int,
        frames_per_request: int,
    ) -> None:
        """Parts of an object up to `whole_bytes` are read in one piece."""
        self._reader = reader
        self._objects = objects
        self._frames = frames
        self._whole_bytes = whole_bytes
        self._frames_per_request = frames_per_request

    async def find(self, scope: Scope, path: str) -> FoundBulk:
        """Find a value of the one instance of `scope`; `path` as `path_text` writes it.

        Raises `InstanceNotFound`, `NoBulkData` and `ArchiveUnavailable`.
        """
        page = await self._reader.bulk(scope, 0, 1)
        if not page:
            raise not_held(scope)
        held = page[0]
        table = await _table(held)
        place = next((each for each in table.places if each.path == path), None)
        if place is not None and path != _DOCUMENT:
            return await _found(held, place)
        if place is None and not table.has_inline:
            raise _no_bulk(held, path)
        metadata = await metadata_of(self._reader, scope, held.instance)
        dataset = await read_metadata(metadata, _dataset)
        media_type = (named_type(dataset) if path == _DOCUMENT else None) or ""
        value = b"" if place is not None else _inline(dataset, path)
        if value is None:
            raise _no_bulk(held, path)
        return FoundBulk(held.instance, held.dataset_sha256, path, place, value, media_type)

    async def all_of(self, scope: Scope) -> AsyncGenerator[FoundBulk, None]:
        """Find what metadata tells by reference, instances in order of arrival.

        Raises `NotHeld` and `ArchiveUnavailable`.
        """
        page = await self._reader.bulk(scope, 0, _PAGE_INSTANCES)
        if not page:
            raise not_held(scope)
        while page:
            for held in page:
                for place in (await _table(held)).places:
                    yield await _found(held, place)
            if len(page) < _PAGE_INSTANCES:
                return
            page = await self._reader.bulk(scope, page[-1].instance.key, _PAGE_INSTANCES)

    def can_decode(self, found: FoundBulk) -> bool:
        """Whether encapsulated pixel data can be had as native pixel data."""
        stored = found.record.transfer_syntax_uid
        is_told_apart = found.frames is not None
        return is_told_apart and self._frames.can_transcode(stored, EXPLICIT_VR_LITTLE_ENDIAN)

    async def open(self, found: FoundBulk) -> Rendition:
        """Open a value as stored, but little endian; of fragments, what they hold.

        Raises `ObjectMissing` and `ArchiveUnavailable`.
        """
        place, record = found.place, found.record
        if place is None:
            return WrittenBytes(found.inline)
        if place.length is None:
            return self._stored(record, *await self._fragments(found, place))
        span = Span(place.offset, place.length)
        if encoding_of(record.transfer_syntax_uid).is_deflated:
            return InflatedSpan(self._objects, record, span)
        stored = self._stored(record, span)
        return stored if place.swap_unit == 1 else Turned(stored, place.swap_unit)

    def open_frames(self, found: FoundBulk) -> Iterator[Rendition]:
        """Open the frames of encapsulated pixel data as stored, one after another."""
        places = found.frames
        if places is not None:
            for frame in range(places.table.number_of_frames):
                yield self._stored(found.record, *places.spans(frame))

    def open_all_frames(self, found: FoundBulk) -> Sequence[Rendition]:
        """Open them at once. Raises `LimitExceeded` when there are too many."""
        number = 0 if found.frames is None else found.frames.table.number_of_frames
        if number > self._frames_per_request:
            what = "More frames are asked for in one request than are given"
            raise LimitExceeded("retrieve.frames_per_request", self._frames_per_request, what)
        return list(self.open_frames(found))

    async def decode(self, scope: Scope) -> BulkContent:
        """Open the pixel data of the one instance of `scope` as native pixel data.

        Raises what `Frames.find_all` and `Frames.transcode` raise.
        """
        found = await self._frames.find_all(scope)
        frames = await self._frames.transcode(found, EXPLICIT_VR_LITTLE_ENDIAN)
        return JoinedFrames(frames, len(found.frames))

    def _stored(self, record: InstanceRecord, *spans: Span) -> StoredSpans:
        return StoredSpans(self._objects, record, spans, self._whole_bytes)

    async def _fragments(self, found: FoundBulk, place: BulkPlace) -> list[Span]:
        if found.frames is not None:
            return list(found.frames.table.fragments())
        record = found.record
        if encoding_of(record.transfer_syntax_uid).is_deflated:
            raise damaged(record)  # nothing is encapsulated there (PS3.5 A.5)
        return list(await fragment_spans(self._objects, record, place.offset, _MOST_FRAGMENTS))


async def _table(held: BulkRecord) -> BulkTable:
    if not held.bulk_table:
        message = (
            f"Instance {held.instance.uids.sop_instance} was stored before its bulk data was noted;"
            " `hilum rebuild` notes it."
        )
        raise NoBulkData(message)
    if len(held.bulk_table) < IN_THREAD_BYTES:
        return BulkTable.unpack(held.bulk_table)
    return await asyncio.to_thread(BulkTable.unpack, held.bulk_table)


async def _found(held: BulkRecord, place: BulkPlace) -> FoundBulk:
    frames = None
    if place.length is None and len(place.path) == len(_DOCUMENT) and held.frame_table:
        table = await asyncio.to_thread(FrameTable.unpack, held.frame_table)
        if table.encapsulated and table.reason is None:
            frames = FramePlaces(table)
    return FoundBulk(held.instance, held.dataset_sha256, place.path, place, frames=frames)


def _dataset(metadata: Metadata) -> Mapping[str, Any]:
    found: Mapping[str, Any] = orjson.loads(metadata.text())
    return found


def _inline(dataset: Mapping[str, Any], path: str) -> bytes | None:
    """The value at `path` when it stands in the metadata; empty ones do, too."""
    *around, tag = path.split("/")
    for sequence, number in zip(around[::2], around[1::2], strict=True):
        items = dataset.get(sequence, {}).get("Value", [])
        if int(number) >= len(items) or not isinstance(items[int(number)], dict):
            return None
        dataset = items[int(number)]
    encoded = dataset.get(tag, {}).get("InlineBinary")
    return None if encoded is None else base64.b64decode(encoded)


def _no_bulk(held: BulkRecord, path: str) -> NoBulkData:
    uid = held.instance.uids.sop_instance
    return NoBulkData(f"Instance {uid} has no bulk data at {path}.")
