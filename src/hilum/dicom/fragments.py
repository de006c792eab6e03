"""Encapsulated values (PS3.5 A.4): the items of an element of undefined length."""

import struct
from array import array
from typing import Final

from hilum.dicom.errors import MalformedElement, TruncatedInstance
from hilum.dicom.limits import HeaderLimits
from hilum.dicom.sources import Source
from hilum.dicom.vr import ITEM, SEQUENCE_DELIMITER

_LITTLE: Final = struct.Struct("<HHI").unpack
_BIG: Final = struct.Struct(">HHI").unpack


def walk_fragments(
    source: Source, offset: int, tag: int, limits: HeaderLimits, *, is_little_endian: bool
) -> "tuple[array[int], array[int], int]":
    """Return where the items' values start, how long they are, and the byte behind the delimiter.

    Only item heads are read. Raises `TruncatedInstance`, `MalformedElement` or `LimitExceeded`.
    """
    unpack = _LITTLE if is_little_endian else _BIG
    end = len(source)
    offsets, lengths = array("Q"), array("Q")
    while True:
        head = source[offset : offset + 8]
        if len(head) < 8:
            raise TruncatedInstance(tag, offset, "no sequence delimiter ends its fragments")
        group, element, length = unpack(head)
        found = group << 16 | element
        if found == SEQUENCE_DELIMITER:
            return offsets, lengths, offset + 8
        if found != ITEM or length == 0xFFFFFFFF:
            raise MalformedElement(tag, offset, "a fragment is expected here and there is none")
        if offset + 8 + length > end:
            missing = f"a fragment needs {length} bytes where {end - offset - 8} are left"
            raise TruncatedInstance(tag, offset, missing)
        if len(offsets) >= limits.fragments:
            raise limits.exceeded("fragments", "The pixel data has more fragments")
        offsets.append(offset + 8)
        lengths.append(length)
        offset += 8 + length
