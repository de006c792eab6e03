"""Joining stored metadata into one DICOM JSON array, without compressing it again.

The stored streams are raw DEFLATE that ends on a byte boundary after a full flush, so they can
follow one another inside one gzip member (RFC 1952), with the brackets and commas between them as
stored blocks (RFC 1951 section 3.2.4). The checksum is joined, too.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from isal import isal_zlib

from hilum.domain.instances import Metadata
from hilum.domain.records import MetadataRecord

GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_FINAL: Final = b"\x01"
_NOT_FINAL: Final = b"\x00"


def _stored(block: bytes, final: bytes) -> bytes:
    length = len(block)
    return final + struct.pack("<HH", length, length ^ 0xFFFF) + block


_OPEN: Final = _stored(b"[", _NOT_FINAL)
_COMMA: Final = _stored(b",", _NOT_FINAL)
_CLOSE: Final = _stored(b"]", _FINAL)


class GzipJoin:
    """Writes one gzip member: `start`, then `add` for each page, then `end`."""

    __slots__ = ("_crc32", "_empty", "_size")

    def __init__(self) -> None:
        self._crc32 = zlib.crc32(b"[")
        self._size = 1
        self._empty = True

    def start(self) -> bytes:
        return GZIP_HEADER + _OPEN

    def add(self, records: Sequence[MetadataRecord]) -> bytes:
        pieces: list[bytes] = []
        crc32, size = self._crc32, self._size
        for record in records:
            if self._empty:
                self._empty = False
            else:
                pieces.append(_COMMA)
                crc32 = zlib.crc32(b",", crc32)
                size += 1
            metadata = record.metadata
            pieces.append(metadata.deflated)
            crc32 = isal_zlib.crc32_combine(crc32, metadata.crc32, metadata.size_bytes)
            size += metadata.size_bytes
        self._crc32, self._size = crc32, size
        return b"".join(pieces)

    def end(self) -> bytes:
        crc32 = zlib.crc32(b"]", self._crc32)
        return _CLOSE + struct.pack("<II", crc32, (self._size + 1) & 0xFFFFFFFF)


class PlainJoin:
    """The same array as text, for clients that do not take gzip."""

    __slots__ = ("_empty",)

    def __init__(self) -> None:
        self._empty = True

    def start(self) -> bytes:
        return b"["

    def add(self, records: Sequence[MetadataRecord]) -> bytes:
        text = b",".join(inflate(record.metadata) for record in records)
        if self._empty:
            self._empty = not records
            return text
        return b"," + text if records else text

    def end(self) -> bytes:
        return b"]"


def inflate(metadata: Metadata) -> bytes:
    """The JSON text of stored metadata. Raises `zlib.error` or `ValueError` when damaged."""
    inflater = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    text: bytes = inflater.decompress(metadata.deflated)
    if len(text) != metadata.size_bytes:
        message = "stored metadata is damaged"
        raise ValueError(message)
    return text


def without_invalid(record: MetadataRecord) -> MetadataRecord:
    """The record without its invalid attributes, as the Azure surfaces show it."""
    if not record.invalid_tags:
        return record
    hidden = {f"{tag:08X}" for tag in record.invalid_tags}
    dataset: dict[str, Any] = orjson.loads(inflate(record.metadata))
    text = orjson.dumps({key: value for key, value in dataset.items() if key not in hidden})
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH)
    return replace(record, metadata=Metadata(deflated, zlib.crc32(text), len(text)))
