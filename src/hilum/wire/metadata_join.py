"""Joining stored metadata into one DICOM JSON array, without compressing it again.

The stored streams are raw DEFLATE that ends on a byte boundary after a full flush, so they can
follow one another inside one gzip member (RFC 1952), with the brackets and commas between them as
stored blocks (RFC 1951 section 3.2.4), and what is told of bulk data in their midst. The checksum
is joined, too.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from isal import isal_zlib

from hilum.domain.records import MetadataRecord
from hilum.wire.bulk_telling import PIECE_BYTES, BulkUrls, segments, told

GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_FINAL: Final = b"\x01"
_NOT_FINAL: Final = b"\x00"


def stored_block(block: bytes, *, final: bool = False) -> bytes:
    """A block of DEFLATE that holds up to 65,535 bytes as they are (RFC 1951 section 3.2.4)."""
    length = len(block)
    return (_FINAL if final else _NOT_FINAL) + struct.pack("<HH", length, length ^ 0xFFFF) + block


_OPEN: Final = stored_block(b"[")
_COMMA: Final = stored_block(b",")
_CLOSE: Final = stored_block(b"]", final=True)


class GzipJoin:
    """Writes one gzip member: `start`, then `add` for each page, then `end`."""

    __slots__ = ("_crc32", "_empty", "_size", "_urls")

    def __init__(self, urls: BulkUrls | None = None) -> None:
        """`urls`: where bulk data is had; without, records are written as they are."""
        self._urls = urls
        self._crc32 = zlib.crc32(b"[")
        self._size = 1
        self._empty = True

    def start(self) -> bytes:
        return GZIP_HEADER + _OPEN

    def add(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        return gathered(self._pieces(records))

    def _pieces(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        for record in records:
            if self._empty:
                self._empty = False
            else:
                yield _COMMA
                self._crc32 = zlib.crc32(b",", self._crc32)
                self._size += 1
            if self._urls is not None and record.bulk_table:
                yield from self._told(record, self._urls)
                continue
            metadata = record.metadata
            yield metadata.deflated
            size = metadata.size_bytes
            self._crc32 = isal_zlib.crc32_combine(self._crc32, metadata.crc32, size)
            self._size += size

    def _told(self, record: MetadataRecord, urls: BulkUrls) -> Iterator[bytes]:
        crc, total = self._crc32, self._size
        for deflated, size, crc32, element in segments(record, urls):
            if size:
                yield deflated
                crc = isal_zlib.crc32_combine(crc, crc32, size)
                total += size
            if element:
                yield stored_block(element)
                crc = zlib.crc32(element, crc)
                total += len(element)
        self._crc32, self._size = crc, total

    def end(self) -> bytes:
        crc32 = zlib.crc32(b"]", self._crc32)
        return _CLOSE + struct.pack("<II", crc32, (self._size + 1) & 0xFFFFFFFF)


class PlainJoin:
    """The same array as text, for clients that do not take gzip."""

    __slots__ = ("_empty", "_urls")

    def __init__(self, urls: BulkUrls | None = None) -> None:
        """`urls`: see `GzipJoin`."""
        self._urls = urls
        self._empty = True

    def start(self) -> bytes:
        return b"["

    def add(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        return gathered(self._pieces(records))

    def _pieces(self, records: Iterable[MetadataRecord]) -> Iterator[bytes]:
        for record in records:
            if self._empty:
                self._empty = False
            else:
                yield b","
            yield from told(record, self._urls)

    def end(self) -> bytes:
        return b"]"


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
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
