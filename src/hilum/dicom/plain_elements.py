"""Where the elements of an explicit little endian data set lie, to change some and copy the rest.

Nothing but heads is read: a header of 200,000 elements costs a walk over its bytes, where a data
set of objects would take fifty times its memory. Whoever meets what is unusual reads it otherwise.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from hilum.dicom.vr import (
    BY_CODE,
    ITEM,
    ITEM_DELIMITER,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITER,
    UNDEFINED_LENGTH,
)

_TAG: Final = struct.Struct("<HH").unpack_from
_SHORT: Final = struct.Struct("<HH2sH").unpack_from
_LONG: Final = struct.Struct("<HI").unpack_from
_ITEM: Final = struct.Struct("<HHI").unpack_from
_IS_LONG: Final = {code: vr.has_long_length for code, vr in BY_CODE.items()}


class NotPlain(Exception):
    """Something that is not written as PS3.5 7.1.2 says, though it may be understood."""


class PlainElement(NamedTuple):
    """An element of the data set itself, from its tag to the end of its value."""

    tag: int
    start: int
    stop: int


def plain_elements(data: bytes) -> Iterator[PlainElement]:
    """Yield the elements up to the pixel data, or to the end.

    Raises `NotPlain`: for elements out of order, too, and for what is cut short.
    """
    position, last = 0, -1
    try:
        while position < len(data):
            group, number = _TAG(data, position)
            tag = group << 16 | number
            if tag in PIXEL_DATA_TAGS:
                return
            stop, is_open = _value(data, position)
            if is_open:
                stop = _end_of_items(data, stop)
            if tag <= last or stop > len(data):
                raise NotPlain
            yield PlainElement(tag, position, stop)
            position, last = stop, tag
    except struct.error as error:
        raise NotPlain from error


def with_elements(data: bytes, changed: Mapping[int, bytes]) -> bytes:
    """Copy a data set of plain elements without pixel data, some of them `changed`.

    An element that is changed to nothing is left out, as retired group lengths are. Raises
    `NotPlain`.
    """
    kept = {
        each.tag: data[each.start : each.stop] for each in plain_elements(data) if each.tag & 0xFFFF
    }
    everything = {**kept, **changed}
    return b"".join(everything[tag] for tag in sorted(everything))


def _value(data: bytes, position: int) -> tuple[int, bool]:
    """Return where a value ends; or where the items of a sequence begin that tells no length."""
    _, _, code, length = _SHORT(data, position)
    is_long = _IS_LONG.get(code)
    if is_long is None:
        raise NotPlain
    if not is_long:
        return position + 8 + length, False
    reserved, length = _LONG(data, position + 6)
    if reserved:
        raise NotPlain
    if length != UNDEFINED_LENGTH:
        return position + 12 + length, False
    if code != b"SQ":
        raise NotPlain
    return position + 12, True


def _end_of_items(data: bytes, position: int) -> int:
    """Return the end of a sequence without a length whose first item is at `position`."""
    in_item = [False]  # of each sequence and item without a length that is open
    while in_item:
        group, number, length = _ITEM(data, position)
        tag = group << 16 | number
        if tag == (ITEM_DELIMITER if in_item[-1] else SEQUENCE_DELIMITER):
            position += 8
            in_item.pop()
        elif in_item[-1]:
            position, is_open = _value(data, position)
            if is_open:
                in_item.append(False)
        elif tag != ITEM:
            raise NotPlain
        elif length == UNDEFINED_LENGTH:
            position += 8
            in_item.append(True)
        else:
            position += 8 + length
    return position
