"""The part of a data set before its pixel data, and what the metadata leaves out of it."""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.errors import MalformedElement
from hilum.dicom.explicit_little import swap_bytes
from hilum.dicom.frames import FrameTable
from hilum.dicom.header import Header, HeaderLimits, read_header
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_BIG_ENDIAN
from hilum.domain.errors import UnreadableInstance

FLOAT_PIXELS: Final = frozenset({0x7FE00008, 0x7FE00009})
"""FloatPixelData, DoubleFloatPixelData."""
_PIXELS: Final = frozenset({0x7FE00010, *FLOAT_PIXELS})
_PIXEL_DATA: Final = 0x7FE00010
_ITEM: Final = 0xFFFEE000
_ITEM_HEAD_BYTES: Final = 8
_HEADS: Final = (12, 8)
"""Bytes before a value: explicit with a long length, implicit."""
_HINTS: Final = re.compile(rb'"(?:0028(?:3000|3010|1101)|60[01][02468ACE]0010)"')
"""ModalityLUTSequence, VOILUTSequence, a palette's descriptor, OverlayRows."""
_GROUPS: Final = frozenset({0x0028, 0x0048, 0x5200, *range(0x6000, 0x6020, 2)})
"""Where what an image is shown with stands, or the sequences around it."""


@dataclass(frozen=True, slots=True)
class BeforePixels:
    """What was read."""

    pixels_tag: int
    """Of the element that holds the pixels."""
    values: Mapping[ElementPath, bytes]
    """Bulk values of the groups of images, as Explicit VR Little Endian has them."""


def names_tables(metadata: bytes) -> bool:
    """Tell whether DICOM JSON speaks of look-up tables, palettes or overlays."""
    return _HINTS.search(metadata) is not None


def read_before_pixels(
    prefix: bytes, table: FrameTable, transfer_syntax_uid: str, limits: HeaderLimits
) -> BeforePixels:
    """Read what is in a file, or what a deflated data set inflates to, before its first frame.

    `prefix` ends where `table` starts. Raises what `read_header` raises.
    """
    is_big = transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN
    tag, header = _read(prefix, table, ">" if is_big else "<", limits)
    values = {
        element.path: _in_order(
            prefix[element.offset : element.offset + element.length], element.vr, is_big=is_big
        )
        for element in header.bulk
        if element.length is not None and element.path.top_level_tag >> 16 in _GROUPS
    }
    return BeforePixels(tag, values)


def _read(prefix: bytes, table: FrameTable, order: str, limits: HeaderLimits) -> tuple[int, Header]:
    """Read what is before the pixel data. Other bytes may look like its beginning."""
    find = _before_fragments if table.encapsulated else _before_value
    failure: UnreadableInstance = MalformedElement(
        _PIXEL_DATA, len(prefix), "its beginning is not where it was"
    )
    for tag, end in find(prefix, order):
        try:
            return tag, read_header(prefix[:end], limits=replace(limits, inline_bytes=None))
        except UnreadableInstance as error:
            failure = error
    raise failure


def _before_value(prefix: bytes, order: str) -> Iterator[tuple[int, int]]:
    for size in _HEADS:
        end = len(prefix) - size
        if end >= 0 and (tag := _tag(prefix, end, order)) in _PIXELS:
            yield tag, end


def _before_fragments(prefix: bytes, order: str) -> Iterator[tuple[int, int]]:
    """Find the pixel data whose first item, the Basic Offset Table, ends at the first fragment."""
    wanted = struct.pack(f"{order}2H", _PIXEL_DATA >> 16, _PIXEL_DATA & 0xFFFF)
    end = prefix.rfind(wanted)
    while end >= 0:
        for size in _HEADS:
            item = end + size
            if item + _ITEM_HEAD_BYTES <= len(prefix) and _tag(prefix, item, order) == _ITEM:
                (length,) = struct.unpack_from(f"{order}I", prefix, item + 4)
                if item + 2 * _ITEM_HEAD_BYTES + length == len(prefix):
                    yield _PIXEL_DATA, end
        end = prefix.rfind(wanted, 0, end)


def _tag(data: bytes, offset: int, order: str) -> int:
    group, element = struct.unpack_from(f"{order}2H", data, offset)
    return int(group) << 16 | int(element)


def _in_order(data: bytes, vr: str, *, is_big: bool) -> bytes:
    if not (is_big and vr == "OW"):
        return data
    whole, rest = swap_bytes(data, 2)
    return whole + rest
