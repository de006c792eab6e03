"""The rules of the DICOM JSON Model (PS3.18 Annex F) that a data set can break."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_TAG = re.compile(r"[0-9A-F]{8}\Z")
_BINARY: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_NUMBERS: Final = frozenset({"FL", "FD", "SL", "SS", "UL", "US"})
_EITHER: Final = frozenset({"DS", "IS", "SV", "UV"})
"""Numbers or strings (F.2.3, note to table F.2.3-1)."""
_STRINGS: Final = frozenset("AE AS AT CS DA DT LO LT SH ST TM UC UI UR UT".split())
_VRS: Final = _BINARY | _NUMBERS | _EITHER | _STRINGS | {"PN", "SQ"}
_PARTS: Final = frozenset({"Alphabetic", "Ideographic", "Phonetic"})
_CONTENTS: Final = ("Value", "BulkDataURI", "InlineBinary")


class Rule(StrEnum):
    """Which part of Annex F is broken."""

    STRUCTURE = "structure"
    ORDER = "order"
    NAMES = "names"
    NUMBERS = "numbers"
    EMPTY = "empty"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Fault:
    """`place` is a path of tags; no value is ever part of the text."""

    rule: Rule
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def faults(data_set: Mapping[str, Any], place: str = "", depth: int = 0) -> Iterator[Fault]:
    """Yield every breach in a data set, sequences included, to a depth of 32."""
    tags = list(data_set)
    if tags != sorted(tags):
        yield Fault(Rule.ORDER, place or "data set", "attributes are not in ascending order")
    for tag, element in data_set.items():
        here = f"{place}.{tag}" if place else tag
        if not _TAG.match(tag):
            yield Fault(Rule.STRUCTURE, here, "is no tag of 8 upper case hexadecimal digits")
        elif tag.endswith("0000"):
            yield Fault(Rule.STRUCTURE, here, "is a group length")
        if not isinstance(element, dict) or element.get("vr") not in _VRS:
            yield Fault(Rule.STRUCTURE, here, "has no vr of PS3.5")
            continue
        yield from _element(element, here, depth)


def _element(element: Mapping[str, Any], here: str, depth: int) -> Iterator[Fault]:
    vr = str(element["vr"])
    if sum(name in element for name in _CONTENTS) > 1:
        yield Fault(Rule.STRUCTURE, here, "has more than one of Value, BulkDataURI, InlineBinary")
    if "InlineBinary" in element:
        yield from _binary(vr, element["InlineBinary"], here)
    if "Value" not in element:
        return
    values = element["Value"]
    if not isinstance(values, list):
        yield Fault(Rule.STRUCTURE, here, "has a Value that is no array")
    elif not values:
        yield Fault(Rule.EMPTY, here, "has an empty Value array: F.2.5 leaves Value out")
    elif vr in _BINARY:
        yield Fault(Rule.BINARY, here, f"has a Value although its vr is {vr}")
    else:
        for index, value in enumerate(values):
            yield from _value(vr, value, f"{here}[{index}]", depth)


def _value(vr: str, value: object, here: str, depth: int) -> Iterator[Fault]:
    if vr == "SQ":
        if not isinstance(value, dict):
            yield Fault(Rule.STRUCTURE, here, "is an item that is no object")
        elif depth < 32:
            yield from faults(value, here, depth + 1)
        return
    if value is None:
        return
    if vr == "PN":
        yield from _name(value, here)
    elif vr in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            yield Fault(Rule.NUMBERS, here, f"is no JSON number although its vr is {vr}")
    elif vr in _EITHER:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            yield Fault(Rule.NUMBERS, here, f"is neither number nor string, vr {vr}")
    elif not isinstance(value, str):
        yield Fault(Rule.STRUCTURE, here, f"is no string although its vr is {vr}")


def _name(value: object, here: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(Rule.NAMES, here, "is a person name that is no object of component groups")
    elif not set(value) <= _PARTS or not all(isinstance(text, str) for text in value.values()):
        yield Fault(Rule.NAMES, here, "has other members than the component groups of F.2.2")


def _binary(vr: str, value: object, here: str) -> Iterator[Fault]:
    if vr not in _BINARY:
        yield Fault(Rule.BINARY, here, f"has InlineBinary although its vr is {vr}")
    try:
        base64.b64decode(value if isinstance(value, str) else "*", validate=True)
    except (binascii.Error, ValueError):
        yield Fault(Rule.BINARY, here, "has InlineBinary that is no base64")
