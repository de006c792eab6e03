"""The bytes before the data set of a kept file: preamble, prefix, File Meta (PS3.10 7.1)."""

import struct
from typing import Final

from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_PREAMBLE: Final = bytes(128) + b"DICM"
_FILE_META_VERSION: Final = b"\0\1"


def part10_head(
    *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae_title: str
) -> bytes:
    """Encode what C-STORE does not transmit; the data set follows as it was received.

    The texts are UIDs and an AE title; characters outside ASCII, with which the request is refused
    anyway, become question marks. The preamble is always zero.
    """
    elements = b"".join(
        (
            _version(),
            _short(0x0002, b"UI", sop_class_uid),
            _short(0x0003, b"UI", sop_instance_uid),
            _short(0x0010, b"UI", transfer_syntax_uid),
            _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
            _short(0x0016, b"AE", source_ae_title),
        )
    )
    return _PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(elements)) + elements


def _version() -> bytes:
    length = len(_FILE_META_VERSION)
    return struct.pack("<HH2sHI", 2, 1, b"OB", 0, length) + _FILE_META_VERSION


def _short(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii", "replace")
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
