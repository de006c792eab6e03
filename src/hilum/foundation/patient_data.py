"""Keeping patients out of logs: keys that name patient attributes, values that look like names.

The keys are given by whoever knows DICOM; this module knows texts only.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Final, Literal
from uuid import UUID

MASK: Final = "***"

# `Family^Given` in any script; a caret between letters has no other use in our events.
_PERSON_NAME: Final = re.compile(r"[^\W\d_][\w'\u2019.-]*\^[\w'\u2019.^=-]*")
# `PatientName=...` and `00100010=...`, as they stand in query strings and dumps.
_NAMED_VALUE: Final = re.compile(
    r"(?i)\b((?:other)?patient\w*|accessionnumber|\w*physicians?\w*name\w*|0010[0-9a-f]{4}|00080050)"
    r"(\s*(?:=|%3d|:)\s*)[^&\s\"]+"
)
_NUMBERS: Final = frozenset({int, float, bool, type(None)})
_PLAIN: Final = (int, float, bool, type(None), date, time, timedelta, UUID)
_DEPTH: Final = 6


class PatientDataInLog(Exception):
    """A log call was handed patient data; raised in tests, where it must be found."""


@lru_cache(maxsize=4096)
def normal_key(key: str) -> str:
    """`patient_name`, `PatientName` and `Patient's Name` are one key."""
    return re.sub(r"[^a-z0-9]", "", key.lower()).replace("patients", "patient")


def scrubbed(text: str) -> str:
    """`text` without person names and without the values of named patient attributes."""
    if "^" in text:
        text = _PERSON_NAME.sub(MASK, text)
    if "=" in text or ":" in text or "%3" in text:
        text = _NAMED_VALUE.sub(rf"\1\2{MASK}", text)
    return text


class PatientDataGuard:
    """Masks, or in tests refuses, what must not be written.

    Values of other than plain types become the name of their type: nobody knows what the text of
    an arbitrary object tells.
    """

    __slots__ = ("_keys", "_refuse")

    def __init__(self, keys: Iterable[str], mode: Literal["mask", "refuse"] = "mask") -> None:
        self._keys = frozenset(normal_key(key) for key in keys)
        self._refuse = mode == "refuse"

    def check(self, fields: Mapping[str, object]) -> dict[str, object]:
        """The fields as they may be written. Raises `PatientDataInLog` when told to refuse."""
        return {
            key: value
            if type(value) in _NUMBERS and normal_key(key) not in self._keys
            else self._field(key, value, 0)
            for key, value in fields.items()
        }

    def _field(self, key: str, value: object, depth: int) -> object:
        if normal_key(key) in self._keys and value not in (None, "", MASK):
            return self._found(f"the key {key!r} names a patient attribute")
        return self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if type(value) is str:
            return self._text(value)
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, str | PurePath):
            return self._text(str(value))
        if isinstance(value, _PLAIN):
            return value
        if depth < _DEPTH and isinstance(value, Mapping):
            return {str(key): self._field(str(key), each, depth + 1) for key, each in value.items()}
        if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self._value(each, depth + 1) for each in value]
        return f"<{type(value).__name__}>"

    def _text(self, text: str) -> str:
        clean = scrubbed(text)
        if clean != text:
            self._found("a value looks like patient data")
        return clean

    def _found(self, what: str) -> str:
        if self._refuse:
            raise PatientDataInLog(what)
        return MASK
