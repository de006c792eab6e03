"""Encoded elements, item by item, so that tests can say exactly which bytes are wrong."""

import json
import struct
from typing import Any

from hilum.dicom.header import Header, Memo, read_header

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
UNDEFINED = 0xFFFFFFFF

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


def padded(value: bytes, vr: bytes = b"LO") -> bytes:
    pad = b"\0" if vr in {b"UI", b"OB", b"UN"} else b" "
    return value + pad * (len(value) % 2)


def explicit(
    tag: int, vr: bytes, value: bytes = b"", *, length: int | None = None, order: str = "<"
) -> bytes:
    """Return an element in explicit VR; `length` may lie."""
    length = len(value) if length is None else length
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in _LONG:
        return head + struct.pack(f"{order}HI", 0, length) + value
    return head + struct.pack(f"{order}H", length) + value


def implicit(tag: int, value: bytes = b"", *, length: int | None = None) -> bytes:
    """Return an element in implicit VR little endian; `length` may lie."""
    length = len(value) if length is None else length
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value


def item(content: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content) if length is None else length) + content


def open_item(content: bytes = b"") -> bytes:
    return item(content, length=UNDEFINED) + ITEM_END


ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def open_sequence(tag: int, *items: bytes, vr: bytes = b"SQ") -> bytes:
    return explicit(tag, vr, b"".join(items), length=UNDEFINED) + SEQUENCE_END


def part10(dataset: bytes, syntax: str = EXPLICIT) -> bytes:
    """Return a file with preamble and file meta information around an encoded data set."""
    uid = padded(syntax.encode(), b"UI")
    meta = explicit(0x00020010, b"UI", uid)
    group_length = explicit(0x00020000, b"UL", struct.pack("<I", len(meta)))
    return bytes(128) + b"DICM" + group_length + meta + dataset


def read(dataset: bytes, syntax: str = EXPLICIT, **options: Any) -> Header:
    """Read a data set with a memo of its own."""
    return read_header(part10(dataset, syntax), memo=Memo(), **options)


def json_of(dataset: bytes, syntax: str = EXPLICIT, **options: Any) -> dict[str, Any]:
    """Return the DICOM JSON of a data set as Python objects."""
    return json.loads(read(dataset, syntax, **options).json)


def value_of(vr: bytes, value: bytes, *, charset: bytes = b"", tag: int = 0x00091001) -> Any:
    """Return the JSON attribute that an element of `vr` becomes."""
    head = explicit(0x00080005, b"CS", padded(charset)) if charset else b""
    return json_of(head + explicit(tag, vr, value))[f"{tag:08X}"]
