"""A tree written again: pieces of memory and of the source, which are never all in memory."""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from hilum.dicom.mending.tree import Element, Form, Item, LooseFile, Span, Value
from hilum.dicom.sources import Source
from hilum.dicom.vr import BY_NAME, ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, UNDEFINED_LENGTH
from hilum.domain.errors import LimitExceeded

_META: Final = Form(is_implicit=False, is_little_endian=True)
_PREFIX: Final = b"DICM"
_GROUP_LENGTH: Final = 0x00020000
_LONGEST_SHORT: Final = 0xFFFE
_SPACE_PADDED: Final = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT".split())
_CHUNK_BYTES: Final = 1 << 20


class Composed:
    """A source that consists of pieces: bytes, and spans of another source."""

    def __init__(self, source: Source, pieces: Iterable[Value]) -> None:
        self._source = source
        self._pieces = _joined(pieces)
        sizes = [_size(piece) for piece in self._pieces]
        self._starts = [0, *accumulate(sizes)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(len(self))
        parts: list[bytes] = []
        place = bisect_right(self._starts, start) - 1
        while start < stop:
            piece, begin = self._pieces[place], self._starts[place]
            until = min(stop, self._starts[place + 1])
            parts.append(self._part(piece, start - begin, until - begin))
            start, place = until, place + 1
        return b"".join(parts)

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, in pieces of bounded size."""
        for start in range(0, len(self), _CHUNK_BYTES):
            yield self[start : start + _CHUNK_BYTES]

    def _part(self, piece: Value, start: int, stop: int) -> bytes:
        if isinstance(piece, Span):
            return bytes(self._source[piece.offset + start : piece.offset + stop])
        return piece[start:stop]


def compose(
    file: LooseFile, inflated_bytes: int, setting: str = "quarantine.repair_bytes"
) -> Composed:
    """Write `file`.

    A deflated data set is deflated again in memory: one above `inflated_bytes`, which is a
    `setting`, raises `LimitExceeded`.
    """
    pieces: list[Value] = []
    size = _write(file.elements, file.form, pieces)
    opening = _opening(file)
    if not file.is_deflated:
        return Composed(file.source, [opening, *pieces])
    if size > inflated_bytes:
        what = "The deflated data set is too long to be changed"
        raise LimitExceeded(setting, inflated_bytes, what)
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    parts = [deflate.compress(chunk) for chunk in Composed(file.source, pieces).chunks()]
    deflated = b"".join([*parts, deflate.flush()])
    return Composed(b"", [opening, deflated + bytes(len(deflated) % 2)])


def _opening(file: LooseFile) -> bytes:
    if file.meta is None:
        return file.opening
    pieces: list[Value] = []
    elements = [each for each in file.meta if each.tag != _GROUP_LENGTH]
    size = _write(elements, _META, pieces)
    group_length: list[Value] = []
    _write([Element(_GROUP_LENGTH, "UL", struct.pack("<I", size))], _META, group_length)
    meta = b"".join(piece for piece in [*group_length, *pieces] if isinstance(piece, bytes))
    return (file.preamble or bytes(128)) + _PREFIX + meta


def _write(elements: list[Element], form: Form, pieces: list[Value]) -> int:
    """Add `elements` to `pieces`; return how many bytes they are."""
    size = 0
    for element in elements:
        inner: list[Value] = []
        length = _write_value(element, form, inner)
        head = _head(element, form, length)
        pieces.append(head)
        pieces.extend(inner)
        size += len(head) + length
    return size


def _write_value(element: Element, form: Form, pieces: list[Value]) -> int:
    if element.items is not None:
        size = sum(_write_item(item, pieces) for item in element.items)
        if element.is_open:
            pieces.append(_delimiter(SEQUENCE_DELIMITER, 0, _inner(element, form)))
            size += 8
        return size
    pieces.append(element.value)
    tail = element.tail
    if element.size % 2:
        tail += _padding(element.vr)
    if tail:
        pieces.append(tail)
    return _size(element.value) + len(tail)


def _inner(element: Element, form: Form) -> Form:
    return element.items[0].form if element.items else form


def _write_item(item: Item, pieces: list[Value]) -> int:
    inner: list[Value] = []
    size = _write(item.elements, item.form, inner)
    length = UNDEFINED_LENGTH if item.is_open else size
    pieces.append(_delimiter(ITEM, length, item.form))
    pieces.extend(inner)
    if not item.is_open:
        return size + 8
    pieces.append(_delimiter(ITEM_DELIMITER, 0, item.form))
    return size + 16


def _delimiter(tag: int, length: int, form: Form) -> bytes:
    order = "<" if form.is_little_endian else ">"
    return struct.pack(f"{order}HHI", tag >> 16, tag & 0xFFFF, length)


def _head(element: Element, form: Form, size: int) -> bytes:
    length = UNDEFINED_LENGTH if element.is_open else size
    order = "<" if form.is_little_endian else ">"
    tag = struct.pack(f"{order}HH", element.tag >> 16, element.tag & 0xFFFF)
    if form.is_implicit:
        return tag + struct.pack(f"{order}I", length)
    code = element.code or element.vr.encode()
    if element.code or BY_NAME[element.vr].has_long_length:
        return tag + code + struct.pack(f"{order}HI", 0, length)
    if length > _LONGEST_SHORT:  # PS3.5 6.2.2: what is too long for its VR is written as UN
        return tag + b"UN" + struct.pack(f"{order}HI", 0, length)
    return tag + code + struct.pack(f"{order}H", length)


def _padding(vr: str) -> bytes:
    return b" " if vr in _SPACE_PADDED else b"\0"


def _size(piece: Value) -> int:
    return piece.length if isinstance(piece, Span) else len(piece)


def _joined(pieces: Iterable[Value]) -> list[Value]:
    """Small neighbours as one, so that there are few; nothing empty."""
    joined: list[Value] = []
    together: list[bytes] = []
    for piece in pieces:
        if isinstance(piece, Span):
            if together:
                joined.append(b"".join(together))
                together = []
            if piece.length:
                joined.append(piece)
        elif piece:
            together.append(piece)
    if together:
        joined.append(b"".join(together))
    return joined
