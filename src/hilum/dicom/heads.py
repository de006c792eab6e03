"""What comes before the value of an element: tag, VR and length (PS3.5 7.1)."""

import struct
from typing import Final, NamedTuple

from hilum.dicom.vr import BY_CODE, BY_NAME, UNDEFINED_LENGTH, VR

_LENGTHS: Final = {
    True: struct.Struct("<HI").unpack_from,
    False: struct.Struct(">HI").unpack_from,
}
_IMPLICIT_LENGTH: Final = {
    True: struct.Struct("<I").unpack_from,
    False: struct.Struct(">I").unpack_from,
}
_ITEM_HEADS: Final = {
    True: struct.Struct("<HHI").unpack_from,
    False: struct.Struct(">HHI").unpack_from,
}


class Head(NamedTuple):
    """The head of an element."""

    tag: int
    vr: VR | None
    """None when it is not written."""
    size: int
    """Bytes before the value."""
    length: int


def read_item_head(buffer: bytes, index: int, *, is_little_endian: bool) -> tuple[int, int]:
    """Return tag and length of an item or of a delimiter."""
    group, element, length = _ITEM_HEADS[is_little_endian](buffer, index)
    return group << 16 | element, length


def looks_explicit(code: bytes) -> bool:
    """Whether two bytes behind a tag are a VR, known or not, and no length."""
    return code in BY_CODE or (len(code) == 2 and code.isalpha() and code.isupper())


def read_uncommon_head(
    buffer: bytes, index: int, available: int, vr: VR | None, is_little_endian: bool
) -> tuple[VR | None, int, int]:
    """Return VR, size of the head and length of an explicit element that is not of a short VR.

    `vr` is None when the two bytes are no VR we know: a delimiter, an element with implicit VR
    among explicit ones (which some writers do), or a VR of a later edition, to be read as UN with
    a 32-bit length (PS3.5 6.2.2). Writers that confuse 16 and 32 bits of length are understood
    where only one reading fits into the `available` bytes.
    """
    if vr is not None and available >= 12:
        short, length = _LENGTHS[is_little_endian](buffer, index + 6)
        if short == 0:
            return vr, 12, length
    if vr is None and not looks_explicit(buffer[index + 4 : index + 6]):
        (length,) = _IMPLICIT_LENGTH[is_little_endian](buffer, index + 4)
        return None, 8, length
    short, length = 0, 0
    fits = False
    if available >= 12:
        short, length = _LENGTHS[is_little_endian](buffer, index + 6)
        fits = length in (UNDEFINED_LENGTH, 0) or length <= available - 12
    if (short == 0 and (fits or vr is not None)) or (fits and vr is not None):
        return vr or BY_NAME["UN"], 12, length
    return vr or BY_NAME["UN"], 8, short
