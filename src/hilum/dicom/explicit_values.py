"""DICOM JSON values as elements of an Explicit VR Little Endian data set (PS3.5 section 7.1)."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hilum.dicom.vr import BY_NAME

_NUMBERS: Final = {
    "FL": "<f",
    "FD": "<d",
    "SL": "<l",
    "SS": "<h",
    "SV": "<q",
    "UL": "<L",
    "US": "<H",
    "UV": "<Q",
}
_CHARACTER_SET: Final = "00080005"
_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_ITEM: Final = 0xFFFEE000
_SHORT_BYTES: Final = 0xFFFE
"""Longest value of an element whose length has 16 bits, and is even."""


def character_set_of(texts: Iterable[str]) -> str:
    """The narrowest Specific Character Set that holds `texts`; empty for the default one.

    Latin-1 before UTF-8, since readers of media are often old.
    """
    character_set = ""
    for text in texts:
        if text.isascii():
            continue
        if any(character > "\xff" or "\x80" <= character < "\xa0" for character in text):
            return "ISO_IR 192"
        character_set = "ISO_IR 100"
    return character_set


def texts_of(element: Mapping[str, Any]) -> Iterable[str]:
    """Yield the texts of an element and of its items."""
    for value in element.get("Value", ()):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict) and element["vr"] == "PN":
            yield from value.values()
        elif isinstance(value, dict):
            for nested in value.values():
                yield from texts_of(nested)


def encoded_element(tag: int, vr: str, value: bytes) -> bytes:
    """One element, padded to an even length. Raises `ValueError` when it is too long for its VR."""
    if len(value) % 2:
        value += b"\0" if vr in {"UI", "OB", "UN"} else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if BY_NAME[vr].has_long_length:
        return head + struct.pack("<HL", 0, len(value)) + value
    if len(value) > _SHORT_BYTES:
        message = f"a value of ({tag >> 16:04X},{tag & 0xFFFF:04X}) is too long for its VR"
        raise ValueError(message)
    return head + struct.pack("<H", len(value)) + value


def encoded_item(content: bytes) -> bytes:
    """One item of a sequence, of defined length."""
    return struct.pack("<HHL", _ITEM >> 16, _ITEM & 0xFFFF, len(content)) + content


def encoded_json(tag: int, element: Mapping[str, Any], character_set: str) -> bytes:
    """An element of DICOM JSON; numbers may be given as digits.

    `character_set` is one that `character_set_of` answers. A value that is only referred to
    becomes an empty one. Raises `ValueError` for what its VR cannot hold.
    """
    vr = element["vr"]
    values = element.get("Value", ())
    if vr == "SQ":
        items = (encoded_item(_dataset(item or {}, character_set)) for item in values)
        return encoded_element(tag, vr, b"".join(items))
    return encoded_element(tag, vr, _value(vr, element, values, character_set))


def _dataset(dataset: Mapping[str, Any], character_set: str) -> bytes:
    return b"".join(
        encoded_json(int(tag, 16), dataset[tag], character_set)
        for tag in sorted(dataset)
        if tag != _CHARACTER_SET  # that of the data set around it holds
    )


def _value(vr: str, element: Mapping[str, Any], values: Sequence[Any], character_set: str) -> bytes:
    if vr in _NUMBERS:
        number = float if vr in {"FL", "FD"} else int
        try:
            return b"".join(struct.pack(_NUMBERS[vr], number(value)) for value in values)
        except (struct.error, TypeError, OverflowError) as error:
            message = f"no number of VR {vr}"
            raise ValueError(message) from error
    if vr == "AT":
        return b"".join(
            struct.pack("<HH", int(value[:4], 16), int(value[4:], 16)) for value in values if value
        )
    if "InlineBinary" in element:
        return base64.b64decode(element["InlineBinary"])
    text = "\\".join(_name(value) if isinstance(value, dict) else _text(value) for value in values)
    return text.encode(_CODECS[character_set], "replace")


def _name(name: Mapping[str, str]) -> str:
    return "=".join(name.get(group, "") for group in _GROUPS).rstrip("=")


def _text(value: Any) -> str:  # noqa: ANN401 - a text, digits, or null
    return "" if value is None else str(value)


_CODECS: Final = {"": "ascii", "ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
