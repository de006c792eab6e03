"""Joining stored metadata into one DICOM JSON array, without compressing it again.

The stored streams are raw DEFLATE that ends on a byte boundary after a full flush, so they can
follow one another inside one gzip member (RFC 1952), with the brackets and commas between them as
stored blocks (RFC 1951 section 3.2.4). The checksum is joined, too.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import orjson
from isal import isal_zlib

from hilum.domain.instances import Metadata
from hilum.domain.records import MetadataRecord

GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
PIECE_BYTES: Final = 1 << 20
"""What is joined comes in pieces of about this size, whatever the size of the records."""
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

    def add(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        return _gathered(self._pieces(records))

    def _pieces(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        for record in records:
            if self._empty:
                self._empty = False
            else:
                yield _COMMA
                self._crc32 = zlib.crc32(b",", self._crc32)
                self._size += 1
            metadata = record.metadata
            yield metadata.deflated
            size = metadata.size_bytes
            self._crc32 = isal_zlib.crc32_combine(self._crc32, metadata.crc32, size)
            self._size += size

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

    def add(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        return _gathered(self._pieces(records))

    def _pieces(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        for record in records:
            if self._empty:
                self._empty = False
            else:
                yield b","
            yield from _inflated(record.metadata)

    def end(self) -> bytes:
        return b"]"


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Put small pieces together; none is empty."""
    together: list[bytes] = []
    size = 0
    for piece in pieces:
        together.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(together)
            together.clear()
            size = 0
    if size:
        yield b"".join(together)


def inflate(metadata: Metadata) -> bytes:
    """The JSON text of stored metadata. Raises `zlib.error` or `ValueError` when damaged."""
    return b"".join(_inflated(metadata))


def _inflated(metadata: Metadata) -> Iterator[bytes]:
    inflater = isal_zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    size, deflated = 0, metadata.deflated
    while text := inflater.decompress(deflated, PIECE_BYTES):
        size += len(text)
        yield text
        deflated = inflater.unconsumed_tail
    if size != metadata.size_bytes:
        message = "stored metadata is damaged"
        raise ValueError(message)


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
