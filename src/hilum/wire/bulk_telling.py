"""Telling of bulk data in stored metadata: by reference (PS3.18 F.2.6), or not at all."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

import orjson
from isal import isal_zlib

from hilum.dicom.bulk_marks import Comma, without_bulk
from hilum.dicom.bulk_table import BulkPlace, BulkTable
from hilum.domain.identifiers import InstanceUIDs
from hilum.domain.instances import Metadata
from hilum.domain.records import MetadataRecord
from hilum.wire.base_url import instance_url

PIECE_BYTES: Final = 1 << 20
"""Text comes in pieces of at most about this size, whatever the size of the records."""
_COMMAS: Final = {
    Comma.NONE: (b"", b""),
    Comma.BEFORE: (b",", b""),
    Comma.AFTER: (b"", b","),
}


class BulkURIs(StrEnum):
    """How a BulkDataURI is written; the setting `retrieve.bulk_uris`."""

    ABSOLUTE = "absolute"
    PATH = "path"


BulkUrls = Callable[[InstanceUIDs], bytes]
"""Where the bulk values of an instance are retrieved: what precedes their paths, as JSON text
without quotation marks."""


@dataclass(frozen=True, slots=True)
class BulkUrlsBelow:
    """Addresses below the URL of a surface."""

    base: str

    def __call__(self, uids: InstanceUIDs) -> bytes:
        return orjson.dumps(f"{instance_url(self.base, uids)}/bulkdata/")[1:-1]


def told(record: MetadataRecord, urls: BulkUrls | None) -> Iterator[bytes]:
    """Yield the JSON text of a record in pieces, with its bulk data when there are `urls`.

    Raises `zlib.error` or `ValueError` when it is damaged.
    """
    if urls is None or not record.bulk_table or record.uids is None:
        yield from inflated(record.metadata)
        return
    for deflated, size, _, element in segments(record, urls):
        yield from _inflated(deflated, size)
        if element:
            yield element


def segments(record: MetadataRecord, urls: BulkUrls) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Yield segments of a record: text deflated, its size, its CRC-32, the element behind it.

    A segment may be empty, and the last has no element behind it. The record has a table and UIDs.
    """
    if record.uids is None:
        message = "a record that was asked for by its row key"
        raise ValueError(message)
    table = BulkTable.unpack(record.bulk_table)
    before = urls(record.uids)
    deflated, position = record.metadata.deflated, 0
    places = iter(table.places)
    for size, length, crc32 in table.segments:
        stop = position + length
        place = next(places, None)
        element = b"" if place is None else _element(place, before)
        yield deflated[position:stop], size, crc32, element
        position = stop


def _element(place: BulkPlace, before: bytes) -> bytes:
    path = place.path.encode()
    opening, closing = _COMMAS[place.comma]
    vr = place.vr.encode()
    return b'%b"%b":{"vr":"%b","BulkDataURI":"%b%b"}%b' % (
        opening, path[-8:], vr, before, path, closing,
    )  # fmt: skip


def inflate(metadata: Metadata) -> bytes:
    """The JSON text of stored metadata. Raises `zlib.error` or `ValueError` when damaged."""
    return b"".join(inflated(metadata))


def inflated(metadata: Metadata) -> Iterator[bytes]:
    """Yield what `inflate` returns in pieces."""
    return _inflated(metadata.deflated, metadata.size_bytes)


def _inflated(deflated: bytes, size_bytes: int) -> Iterator[bytes]:
    inflater = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    size = 0
    while text := inflater.decompress(deflated, PIECE_BYTES):
        size += len(text)
        yield text
        deflated = inflater.unconsumed_tail
    if size != size_bytes:
        message = "stored metadata is damaged"
        raise ValueError(message)


def holds_bulk(record: MetadataRecord) -> bool:
    """Whether bulk values stand in the stored text."""
    return bool(record.bulk_table) and BulkTable.unpack(record.bulk_table).has_inline


def reduced(record: MetadataRecord) -> MetadataRecord:
    """The record without bulk data and without invalid attributes, as Azure surfaces show it."""
    invalid, bulk = record.invalid_tags, holds_bulk(record)
    if not invalid and not bulk:
        return record
    text = inflate(record.metadata)
    if bulk:
        text = without_bulk(text)
    if invalid:
        hidden = {f"{tag:08X}" for tag in invalid}
        dataset: dict[str, Any] = orjson.loads(text)
        text = orjson.dumps({key: value for key, value in dataset.items() if key not in hidden})
    deflater = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    deflated = deflater.compress(text) + deflater.flush(isal_zlib.Z_FULL_FLUSH)
    metadata = Metadata(deflated, zlib.crc32(text), len(text))
    return replace(record, metadata=metadata, bulk_table=b"")
