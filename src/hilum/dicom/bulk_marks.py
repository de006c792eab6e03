"""Marks: where in the JSON of a data set elements were left out that are told by reference.

While a data set is read, such an element stands in its JSON as a NUL, which JSON text never holds,
and its tag. So it is remembered, moved and joined like the text of any other element, and where it
belongs costs nothing to keep. When all is read the marks are taken out with one comma each.
"""

import base64
import re
from array import array
from enum import IntEnum
from typing import Final, NamedTuple

from hilum.dicom.shapes import empty_of
from hilum.dicom.vr import VR

_NUL: Final = b"\0"
_MARK_BYTES: Final = 9
_NUMBER_BYTES: Final = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
"""Width of the numbers of bulk values (PS3.5 6.2); of other VRs they are bytes."""
_TYPE_CODES: Final = {2: "H", 4: "I", 8: "Q"}
_MARKS: Final = re.compile(rb",\0[0-9A-F]{8}|\0[0-9A-F]{8},?")
_VRS: Final = rb"(?:O[BDFLVW]|UN)"
_BULK: Final = rb'"[0-9A-F]{8}":\{"vr":"%b"(?:,"InlineBinary":"[A-Za-z0-9+/=]*")?\}' % _VRS
_BULK_ELEMENTS: Final = re.compile(rb",%b|%b,?" % (_BULK, _BULK))


class Comma(IntEnum):
    """Which comma belongs to an element that is put into JSON text. Stored: append."""

    NONE = 0
    BEFORE = 1
    AFTER = 2


class Gap(NamedTuple):
    """Where in a JSON text an element was left out."""

    offset: int
    comma: Comma


def mark_of(tag: int) -> bytes:
    """Return what stands for an element in the JSON of a data set that is being read."""
    return b"\0%08X" % tag


def inline_text(tag: int, vr: VR, value: bytes, *, is_little_endian: bool) -> bytes:
    """Return the JSON text of an element with its bulk value (PS3.18 F.2.7), little endian."""
    if not value:
        return empty_of(tag, vr)
    if not is_little_endian:
        value = little_endian(value, number_bytes(vr.name))
    encoded = base64.b64encode(value)
    return b'"%08X":{"vr":"%b","InlineBinary":"%b"}' % (tag, vr.name.encode(), encoded)


def number_bytes(vr: str) -> int:
    """Return the width of the numbers in a bulk value, which byte order goes by."""
    return _NUMBER_BYTES.get(vr, 1)


def little_endian(value: bytes, unit: int) -> bytes:
    """Turn big endian numbers of `unit` bytes; what is left over stays as it is."""
    if unit == 1:
        return value
    usable = len(value) - len(value) % unit
    numbers = array(_TYPE_CODES[unit], value[:usable])
    numbers.byteswap()
    return numbers.tobytes() + value[usable:]


def has_marks(text: bytes) -> bool:
    return _NUL in text


def count_marks(text: bytes) -> int:
    return text.count(_NUL)


def without_marks(text: bytes) -> bytes:
    return _MARKS.sub(b"", text) if _NUL in text else text


def take_marks(text: bytes) -> tuple[bytes, tuple[Gap, ...]]:
    """Return the JSON text without its marks, and where they were, in their order."""
    found = text.find(_NUL)
    if found < 0:
        return text, ()
    pieces, gaps = [], []
    position = size = 0
    while found >= 0:
        start, stop, comma = found, found + _MARK_BYTES, Comma.NONE
        if found > position and text[found - 1 : found] == b",":
            start, comma = found - 1, Comma.BEFORE
        elif text[stop : stop + 1] == b",":
            stop, comma = stop + 1, Comma.AFTER
        pieces.append(text[position:start])
        size += start - position
        gaps.append(Gap(size, comma))
        position = stop
        found = text.find(_NUL, position)
    pieces.append(text[position:])
    return b"".join(pieces), tuple(gaps)


def has_inline(json: bytes) -> bool:
    """Whether the JSON text of a data set tells of an element of a VR for bulk data."""
    return b'"vr":"O' in json or b'"vr":"UN"' in json


def without_bulk(json: bytes) -> bytes:
    """Return the JSON text of a data set without its elements of a VR for bulk data.

    A text inside of quotation marks is never taken for an element: it cannot hold a bare one.
    """
    return _BULK_ELEMENTS.sub(b"", json)
