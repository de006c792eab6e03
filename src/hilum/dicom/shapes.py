"""What all elements of one tag and VR have in common, ready for the fastest way of reading.

Only elements whose meaning depends on nothing but their bytes and the character set have a shape:
not bulk data, sequences, private elements of implicit VR, ambiguous VRs, or those that change the
context. Tables hold no values and fill as tags are met.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from hilum.dicom.grammar import DATE
from hilum.dicom.json_text import SAFE_CHARACTERS
from hilum.dicom.person_names import PLAIN_NAME
from hilum.dicom.values import CONVERTERS, Converter
from hilum.dicom.vr import (
    BY_CODE,
    LUT_DESCRIPTOR,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    VR,
    Kind,
    dictionary_vr,
    is_private,
    is_private_creator,
)

CONTEXT_TAGS: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, LUT_DESCRIPTOR})
"""Elements that change how later ones are read; private creators do too."""
_MOST_SHAPES: Final = 20_000


Shape = tuple[int, Callable[[bytes], object] | None, bytes, bytes, Converter | None, bytes, bytes]
"""What elements of one tag and VR share. A bare tuple, since it is taken apart for each element:

tag
is_plain: says of most values that they are one value, the same in JSON but for their padding
plain_opening, plain_closing: JSON text around a plain value
convert: for values that are not plain; None of what `plain_sequences` reads
opening: JSON text before what `convert` returns, which `]}` follows
empty: JSON text of an element without values
"""


def _plain(pattern: bytes) -> Callable[[bytes], object]:
    return re.compile(pattern + rb"[ \0]*+").fullmatch


_TEXT: Final = rb"[%b]" % SAFE_CHARACTERS
_PLAIN: Final[Mapping[str, tuple[Callable[[bytes], object], bytes, bytes]]] = {
    "AE": (_plain(rb"[\x21\x23-\x5b\x5d-\x7e]{0,16}+"), b'"', b'"'),
    "AS": (_plain(rb"[0-9]{3}[DWMY]"), b'"', b'"'),
    "CS": (_plain(rb"[A-Z0-9 _]{0,16}+"), b'"', b'"'),
    "DA": (_plain(DATE.pattern), b'"', b'"'),
    "DS": (_plain(rb"-?(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{1,6})?"), b"", b""),
    "IS": (_plain(rb"-?(?:0|[1-9][0-9]{0,8})"), b"", b""),
    "LO": (_plain(_TEXT + rb"{0,64}+"), b'"', b'"'),
    "LT": (_plain(_TEXT + rb"{0,1024}+"), b'"', b'"'),
    "PN": (_plain(PLAIN_NAME), b'{"Alphabetic":"', b'"}'),
    "SH": (_plain(_TEXT + rb"{0,16}+"), b'"', b'"'),
    "ST": (_plain(_TEXT + rb"{0,1024}+"), b'"', b'"'),
    "TM": (
        _plain(rb"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?"),
        b'"',
        b'"',
    ),
    "UI": (
        _plain(rb"(?!.{65})(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))*+"),
        b'"',
        b'"',
    ),
}
"""By VR: whether a value is plain, and what JSON puts around it."""

EXPLICIT_SHAPES: Final[dict[bytes, Shape]] = {}
"""By tag and VR as they are encoded in explicit VR little endian."""
IMPLICIT_SHAPES: Final[dict[bytes, Shape]] = {}
"""By tag as it is encoded in implicit VR little endian."""
NO_SHAPES: Final[Mapping[bytes, Shape]] = MappingProxyType({})


def has_json(tag: int) -> bool:
    """False for group lengths and for groups 0000 and 0002 (PS3.18 F.2.2)."""
    return tag & 0xFFFF != 0 and tag >= 0x00030000


@lru_cache(maxsize=8192)
def opening_of(tag: int, vr: VR) -> bytes:
    """Return the JSON text of an element before its values."""
    return b'"%08X":{"vr":"%b","Value":[' % (tag, vr.name.encode())


@lru_cache(maxsize=8192)
def empty_of(tag: int, vr: VR) -> bytes:
    """Return the JSON text of an element without values."""
    return b'"%08X":{"vr":"%b"}' % (tag, vr.name.encode())


def learn_shape(raw: bytes, tag: int, vr: VR, *, is_implicit: bool) -> None:
    """Add the shape of the little endian element `raw`, if it has one."""
    if not has_json(tag) or tag in CONTEXT_TAGS:
        return
    if not is_implicit and BY_CODE.get(raw[4:6]) is vr:
        if vr.kind is Kind.SEQUENCE and raw[6:8] == b"\0\0":
            _add_special(raw[:6], tag, vr, None)
        elif is_private_creator(tag) and vr.name == "LO":
            _add_special(raw[:6], tag, vr, _PLAIN["LO"][0])
    if vr.kind is not Kind.VALUE or is_private_creator(tag):
        return
    if is_implicit:
        if is_private(tag) or dictionary_vr(tag) != vr.name:
            return
        table, key = IMPLICIT_SHAPES, raw[:4]
    else:
        if vr.has_long_length or BY_CODE.get(raw[4:6]) is not vr:
            return
        table, key = EXPLICIT_SHAPES, raw[:6]
    if len(table) >= _MOST_SHAPES:
        table.clear()
    opening = opening_of(tag, vr)
    is_plain, before, after = _PLAIN.get(vr.name, (None, b"", b""))
    table[key] = (
        tag,
        is_plain,
        opening + before,
        after + b"]}",
        CONVERTERS[vr.name],
        opening,
        empty_of(tag, vr),
    )


def _add_special(key: bytes, tag: int, vr: VR, is_plain: Callable[[bytes], object] | None) -> None:
    """Add the shape of a sequence, or of a private creator, which has `is_plain`."""
    opening, empty = opening_of(tag, vr), empty_of(tag, vr)
    EXPLICIT_SHAPES[key] = (tag, is_plain, opening + b'"', b'"]}', None, opening, empty)
