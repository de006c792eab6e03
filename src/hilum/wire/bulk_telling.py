"""Telling of bulk data in stored metadata: by reference (PS3.18 F.2.6), or not at all."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final

import orjson
from isal import isal_zlib

from hilum.dicom.bulk_marks import Comma, without_bulk
from hilum.dicom.bulk_table import PlaceRow, holds_inline, table_rows
from hilum.domain.instances import Metadata
from hilum.domain.records import MetadataRecord

PIECE_BYTES: Final = 1 << 20
"""Text comes in pieces of at most about this size, whatever the size of the records."""
_END: Final = b"}"


class BulkURIs(StrEnum):
    """How a BulkDataURI is written; the setting `retrieve.bulk_uris`."""

    ABSOLUTE = "absolute"
    PATH = "path"


class BulkUrls:
    """Addresses of bulk data below `base`, the URL of a surface."""

    __slots__ = ("base", "start")

    def __init__(self, base: str) -> None:
        self.base = base
        self.start = orjson.dumps(base)[1:-1]
        """`base` as JSON text without quotation marks."""


def told(record: MetadataRecord, urls: BulkUrls | None) -> Iterator[bytes]:
    """Yield the JSON text of a record in pieces, with its bulk data when there are `urls`.

    Raises `zlib.error` or `ValueError` when it is damaged.
    """
    if urls is None or not record.bulk_table:
        yield from inflated(record.metadata)
        return
    inflater = _Inflater()
    for deflated, size, _, element in segments(record, urls):
        yield from inflater.text(deflated, size)
        if element:
            yield element


def segments(record: MetadataRecord, urls: BulkUrls) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Yield segments of a record: text deflated, its size, its CRC-32, the text behind it.

    A segment may be empty. The record has a table. Raises `ValueError` when that is damaged.
    """
    address, rows = table_rows(record.bulk_table)
    before = urls.start + address
    deflated, position = record.metadata.deflated, 0
    pending: tuple[bytes, int, int, bytes] | None = None
    for (size, length, crc32), place in rows:
        if place is None and size == 1 and pending is not None:
            # The brace that ends the data set, as nearly always: it goes with what is before it.
            yield (*pending[:3], pending[3] + _END)
            return
        if pending is not None:
            yield pending
        stop = position + length
        element = b"" if place is None else _element(place, before)
        pending = deflated[position:stop], size, crc32, element
        position = stop
    if pending is not None:
        yield pending


def _element(place: PlaceRow, before: bytes) -> bytes:
    _, _, _, comma, vr, path = place
    element = b'"%b":{"vr":"%b","BulkDataURI":"%b%b"}' % (path[-8:], vr, before, path)
    if comma == Comma.BEFORE:
        return b"," + element
    return element + b"," if comma == Comma.AFTER else element


def inflate(metadata: Metadata) -> bytes:
    """The JSON text of stored metadata. Raises `zlib.error` or `ValueError` when damaged."""
    return b"".join(inflated(metadata))


def inflated(metadata: Metadata) -> Iterator[bytes]:
    """Yield what `inflate` returns in pieces."""
    return _Inflater().text(metadata.deflated, metadata.size_bytes)


class _Inflater:
    """Inflates segments of one text in their order."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    def text(self, deflated: bytes, size_bytes: int) -> Iterator[bytes]:
        """Yield the text of a segment, which is `size_bytes` long, in pieces."""
        size = 0
        while text := self._stream.decompress(deflated, PIECE_BYTES):
            size += len(text)
            yield text
            deflated = self._stream.unconsumed_tail
        if size != size_bytes:
            message = "stored metadata is damaged"
            raise ValueError(message)


def reduced(record: MetadataRecord, *, hides_invalid: bool = True) -> MetadataRecord:
    """The record without bulk data, as Azure surfaces show it; v2 without invalid attributes."""
    invalid = record.invalid_tags if hides_invalid else ()
    bulk = holds_inline(record.bulk_table)
    if not invalid and not bulk:
        return record
    text = inflate(record.metadata)
    if bulk:
        text = without_bulk(text)
    if invalid:
        hidden = {f"{tag:08X}" for tag in invalid}
        dataset: dict[str, Any] = orjson.loads(text)
        text = orjson.dumps({key: value for key, value in dataset.items() if key not in hidden})
    return with_text(record, text)


def with_text(record: MetadataRecord, text: bytes) -> MetadataRecord:
    """The record with another JSON text, which tells of all its bulk data."""
    deflater = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    deflated = deflater.compress(text) + deflater.flush(isal_zlib.Z_FULL_FLUSH)
    metadata = Metadata(deflated, zlib.crc32(text), len(text))
    return replace(record, metadata=metadata, bulk_table=b"")
