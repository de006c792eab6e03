"""The heads of elements as they are encoded: even lengths, ascending tags (PS3.5 7.1)."""

from struct import Struct
from struct import error as StructError  # noqa: N812 - `error` would say nothing
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.header import Header, Source
from hilum.dicom.heads import looks_explicit, read_item_head
from hilum.dicom.transfer_syntaxes import encoding_of
from hilum.dicom.vr import (
    BY_CODE,
    ITEM,
    ITEM_DELIMITER,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
    Kind,
)
from hilum.dicom.window import Window
from hilum.validation.findings import Findings

_LONGEST_HEAD: Final = 12
_SHORT_HEAD: Final = 8
_PLAIN, _LONG, _SEQUENCE = 0, 1, 2
_SHAPES: Final = {
    code: _SEQUENCE if vr.kind is Kind.SEQUENCE else int(vr.has_long_length)
    for code, vr in BY_CODE.items()
}
Items = tuple[tuple[int, int], ...]


class _Strange(Exception):
    """Something that only the reader of headers makes sense of."""


def check_heads(source: Source, header: Header, findings: Findings) -> None:
    """Report lengths that are odd and tags that do not ascend, up to the pixel data.

    Walks over heads only, once more than the reader did, which does not mind either. Ends without
    a word where it meets what only that understands, such as implicit VR among explicit.
    """
    if header.inflated:
        return
    encoding = encoding_of(header.transfer_syntax_uid)
    start = header.dataset_offset
    code = bytes(source[start + 4 : start + 6])
    walk = _Walk(
        Window(source),
        findings,
        is_explicit=looks_explicit(code),
        is_little_endian=encoding.is_little_endian,
    )
    try:
        walk.data_set(start, len(source), ())
    except (_Strange, StructError):
        return


class _Walk:
    def __init__(
        self, window: Window, findings: Findings, *, is_explicit: bool, is_little_endian: bool
    ) -> None:
        self._window = window
        self._findings = findings
        self._is_explicit = is_explicit
        self._is_little = is_little_endian
        order = "<" if is_little_endian else ">"
        self._head: Final = Struct(f"{order}HH2sH" if is_explicit else f"{order}HHI").unpack_from
        self._long_length: Final = Struct(f"{order}I").unpack_from

    def data_set(self, position: int, end: int, items: Items) -> int:
        """Walk to `end`, or to the delimiter of an item; return what is behind it."""
        window, unpack, last = self._window, self._head, -1
        is_explicit = self._is_explicit
        while position + _SHORT_HEAD <= end:
            index = position - window.base
            if not 0 <= index <= len(window.buffer) - _LONGEST_HEAD:
                index = window.load(position, _LONGEST_HEAD)
            buffer = window.buffer
            if is_explicit:
                group, element, code, length = unpack(buffer, index)
                tag, shape = group << 16 | element, _SHAPES.get(code, -1)
            else:
                group, element, length = unpack(buffer, index)
                tag = group << 16 | element
                shape = _SEQUENCE if length == UNDEFINED_LENGTH else _PLAIN
            if tag == ITEM_DELIMITER and items:
                return position + _SHORT_HEAD
            if tag >= ITEM or tag == 0 or shape < 0:  # zeros may fill up the end
                raise _Strange
            size = _SHORT_HEAD
            if is_explicit and shape:
                if length or len(buffer) - index < _LONGEST_HEAD:
                    raise _Strange  # 16 bits of length where there should be 32
                (length,), size = self._long_length(buffer, index + 8), _LONGEST_HEAD
            if tag < last or length & 1:
                self._tell(items, tag, last, length)
            last = tag
            if tag in PIXEL_DATA_TAGS and not items:
                return end
            position += size
            if shape == _SEQUENCE:
                position = self._sequence(position, length, (items, tag))
            else:
                position += length  # an undefined one leads beyond the end
        if position > end:
            raise _Strange
        return position

    def _sequence(self, position: int, length: int, of: tuple[Items, int]) -> int:
        items, tag = of
        is_open = length == UNDEFINED_LENGTH
        end = self._window.size if is_open else position + length
        number = 0
        while is_open or position < end:
            index = self._window.load(position, _SHORT_HEAD)
            if len(self._window.buffer) - index < _SHORT_HEAD:
                raise _Strange
            found, size = read_item_head(
                self._window.buffer, index, is_little_endian=self._is_little
            )
            position += _SHORT_HEAD
            if found == SEQUENCE_DELIMITER and is_open:
                return position
            if found != ITEM:
                raise _Strange
            inner = (*items, (tag, number))
            stop = end if size == UNDEFINED_LENGTH else position + size
            position = self.data_set(position, stop, inner)
            number += 1
        return position

    def _tell(self, items: Items, tag: int, last: int, length: int) -> None:
        path = ElementPath(items, tag)
        if tag < last:
            self._findings.add(
                "encoding", path, expected="tags that ascend",
                found="a tag below the one before it", section="PS3.5 7.1",
            )  # fmt: skip
        if length & 1 and length != UNDEFINED_LENGTH:
            self._findings.add(
                "encoding", path, expected="an even number of bytes", found=f"{length} bytes",
                section="PS3.5 7.1.1",
            )  # fmt: skip
