"""Value representations (PS3.5 6.2) and which one an element has when the file does not say.

The tables are pydicom's dictionaries (PS3.6, and the private ones it ships), turned into plain
mappings once, at import.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import get_private_entry
from pydicom.tag import Tag


class Kind(IntEnum):
    """How the value field of a VR is treated."""

    VALUE = 0
    """Decoded into the JSON."""
    BULK = 1
    """Left out of the JSON; skipped by its length."""
    SEQUENCE = 2
    UNKNOWN = 3
    """UN: may stand for a VR we know."""


@dataclass(frozen=True, slots=True, eq=False)
class VR:
    """One value representation."""

    name: str
    has_long_length: bool
    """Explicit encoding has two reserved bytes and a 32-bit length (PS3.5 table 7.1-1)."""
    kind: Kind
    remembered_bytes: int
    """Longest value worth to be looked up in the memo: long bulk values do not repeat."""


REMEMBERED_BYTES: Final = 16 * 1024
"""Largest of the `remembered_bytes`."""

_LONG: Final = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_BULK: Final = frozenset("OB OD OF OL OV OW".split())
BULK_VRS: Final = _BULK | {"UN"}
"""Whose values JSON tells encoded or by reference, never as they are (PS3.18 F.2.3)."""
_SHORT: Final = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()


def _vr(name: str) -> VR:
    if name in _BULK:
        return VR(name, has_long_length=True, kind=Kind.BULK, remembered_bytes=512)
    kind = {"SQ": Kind.SEQUENCE, "UN": Kind.UNKNOWN}.get(name, Kind.VALUE)
    remembered = {"SQ": REMEMBERED_BYTES, "UN": 512}.get(name, 4096)
    return VR(name, has_long_length=name in _LONG, kind=kind, remembered_bytes=remembered)


BY_NAME: Final = {name: _vr(name) for name in (*_SHORT, *sorted(_LONG))}
BY_CODE: Final = {name.encode(): vr for name, vr in BY_NAME.items()}

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_DELIMITER: Final = 0xFFFEE00D
SEQUENCE_DELIMITER: Final = 0xFFFEE0DD
SPECIFIC_CHARACTER_SET: Final = 0x00080005
PIXEL_REPRESENTATION: Final = 0x00280103
LUT_DESCRIPTOR: Final = 0x00283002
LUT_DATA: Final = 0x00283006
PIXEL_DATA: Final = 0x7FE00010
FLOAT_PIXEL_DATA: Final = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA: Final = 0x7FE00009
PIXEL_DATA_TAGS: Final = frozenset({PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA})

LUT_DESCRIPTORS: Final = frozenset({0x00281101, 0x00281102, 0x00281103, LUT_DESCRIPTOR})
"""US or SS in every value but the first, which counts entries and is never negative
(PS3.3 C.7.6.3.1.5, C.11.1.1)."""

US_OR_SS: Final = "US or SS"
US_OR_OW: Final = "US or OW"
_BYTES_OR_WORDS: Final = frozenset({"OB or OW", "OB_OW", "US or SS or OW"})

_DICTIONARY: Final[dict[int, str]] = {
    tag: entry[0] for tag, entry in DicomDictionary.items() if entry[0] != "NONE"
}
_REPEATERS: Final = tuple(
    (
        int(mask.replace("x", "0"), 16),
        int("".join("0" if digit == "x" else "F" for digit in mask), 16),
        entry[0],
    )
    for mask, entry in RepeatersDictionary.items()
)


def dictionary_vr(tag: int) -> str | None:
    """Return the VR name PS3.6 gives a standard tag; it may be ambiguous, such as `US or SS`."""
    name = _DICTIONARY.get(tag)
    if name is not None or tag & 0x10000:
        return name
    for value, mask, repeated in _REPEATERS:
        if tag & mask == value:
            return repeated
    return "UL" if tag & 0xFFFF == 0 else None


def is_private(tag: int) -> bool:
    return bool(tag & 0x10000)


def is_private_creator(tag: int) -> bool:
    """(gggg,0010-00FF) with an odd group (PS3.5 7.8.1)."""
    return tag & 0x1FF00 == 0x10000 and tag & 0xFF >= 0x10


@lru_cache(maxsize=8192)
def private_vr(tag: int, creator: str) -> str | None:
    """Return the VR name that pydicom's private dictionaries give `tag` of `creator`."""
    try:
        return str(get_private_entry(Tag(tag), creator)[0])
    except KeyError:
        return None


def settle(name: str | None, *, is_signed: bool, has_single_entry_lut: bool) -> VR:
    """Make one VR of a dictionary's answer (PS3.5 A.1 and pydicom's `correct_ambiguous_vr`)."""
    if name is None:
        return BY_NAME["UN"]
    if name == US_OR_SS:
        return BY_NAME["SS" if is_signed else "US"]
    if name == US_OR_OW:
        return BY_NAME["US" if has_single_entry_lut else "OW"]
    if name in _BYTES_OR_WORDS:
        return BY_NAME["OW"]
    return BY_NAME.get(name, BY_NAME["UN"])
