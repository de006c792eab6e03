"""What comes before the data set in a file (PS3.10 section 7), and guesses when it is missing."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hilum.dicom.charsets import DEFAULT_ENCODING
from hilum.dicom.errors import MalformedElement, NotDicom, TruncatedInstance
from hilum.dicom.sources import Source
from hilum.dicom.transfer_syntaxes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.dicom.vr import BY_CODE, dictionary_vr

_PREAMBLE_BYTES: Final = 128
_PREFIX: Final = b"DICM"
_TRANSFER_SYNTAX_UID: Final = 0x00020010
_FIRST_READ_BYTES: Final = 4096
_NOT_TEXT: Final = frozenset({0x00020000, 0x00020001, 0x00020102})
"""Group length, version and private information: binary, and of no use as text."""
_LARGEST_META_VALUE: Final = 4096
_MOST_META_ELEMENTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Opening:
    """Everything before the data set."""

    has_preamble: bool
    has_file_meta: bool
    file_meta: Mapping[int, str]
    transfer_syntax_uid: str
    guessed: bool
    """The transfer syntax is not in the file, but was told from the first element."""
    dataset_offset: int


def read_opening(source: Source) -> Opening:
    """Read preamble, prefix and file meta information of `source`.

    Raises `NotDicom` when nothing is recognised, `TruncatedInstance` or
    `MalformedElement`.
    """
    head = bytes(source[0:_FIRST_READ_BYTES])
    has_preamble = head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == _PREFIX
    start = 0
    if has_preamble:
        start = _PREAMBLE_BYTES + 4
    elif head[:4] == _PREFIX:
        start = 4
    meta, offset = _read_file_meta(source, start)
    has_file_meta = offset > start
    offset = _skip_command_set(source, offset)
    syntax = meta.get(_TRANSFER_SYNTAX_UID, "")
    if not has_file_meta and start == 0:
        _refuse_what_is_no_data_set(bytes(source[offset : offset + 8]), len(source) - offset)
    return Opening(
        has_preamble=has_preamble,
        has_file_meta=has_file_meta,
        file_meta=meta,
        transfer_syntax_uid=syntax or _guess(bytes(source[offset : offset + 6])),
        guessed=not syntax,
        dataset_offset=offset,
    )


def _read_file_meta(source: Source, start: int) -> tuple[dict[int, str], int]:
    """Return the texts of group 0002 and where the group ends; its length element may lie."""
    meta: dict[int, str] = {}
    offset = start
    for _ in range(_MOST_META_ELEMENTS):
        head = bytes(source[offset : offset + 12])
        if head[:2] != b"\x02\x00":
            return meta, offset
        if len(head) < 8:
            raise TruncatedInstance(0x00020000, offset, "an element head is incomplete")
        tag = 0x00020000 | head[2] | head[3] << 8
        size, length = _meta_lengths(head)
        value_offset = offset + size
        if value_offset + length > len(source):
            raise TruncatedInstance(tag, offset, "its value is incomplete")
        offset = value_offset + length
        if tag not in _NOT_TEXT and length <= _LARGEST_META_VALUE:
            value = bytes(source[value_offset:offset])
            meta[tag] = value.decode(DEFAULT_ENCODING).rstrip(" \0")
    raise MalformedElement(0x00020000, start, "its group has too many elements to be real")


def _meta_lengths(head: bytes) -> tuple[int, int]:
    """Return the sizes of an element's head and value. Some writers use implicit VR here."""
    vr = BY_CODE.get(head[4:6])
    if vr is None:
        return 8, int.from_bytes(head[4:8], "little")
    if vr.has_long_length:
        return 12, int.from_bytes(head[8:12], "little")
    return 8, int.from_bytes(head[6:8], "little")


def _skip_command_set(source: Source, offset: int) -> int:
    """Return where the data set starts behind a command set (PS3.7 6.3.1) that was stored too."""
    head = bytes(source[offset : offset + 12])
    if head[:8] != b"\0\0\0\0\x04\0\0\0" or len(head) < 12:
        return offset
    size = 12 + int.from_bytes(head[8:12], "little")
    return offset + size if offset + size <= len(source) else offset


def _guess(head: bytes) -> str:
    """Tell the transfer syntax from the first element of a data set."""
    if head[4:6] not in BY_CODE:
        return IMPLICIT_VR_LITTLE_ENDIAN
    # Groups of a data set's beginning are small numbers: read in the wrong order, they are not.
    (group,) = struct.unpack_from("<H", head)
    return EXPLICIT_VR_BIG_ENDIAN if group >= 0x0400 else EXPLICIT_VR_LITTLE_ENDIAN


def _refuse_what_is_no_data_set(head: bytes, available: int) -> None:
    """Raise `NotDicom` unless the first element of a file without meta information is plausible."""
    if available == 0:
        raise NotDicom("it is empty")
    if len(head) < 8:
        raise NotDicom("it is shorter than one element")
    if head.startswith(b"PK\x03\x04"):
        raise NotDicom("it is a zip file; unpack it")
    group, element, length = struct.unpack("<HHI", head)
    if head[4:6] in BY_CODE:
        if group < 0x0400 or head[0] < 0x04:
            return
    elif group >= 0x0008 and length <= available and dictionary_vr(group << 16 | element):
        return
    raise NotDicom("there is no prefix and the first bytes are no element")
