"""What each VR of text allows (PS3.5 table 6.2-1): one pattern per VR, and the reason when not.

Patterns match a whole value field: all values, their separators and the padding. NUL padding is
let through, since devices write it for every VR. Wherever two parts of a pattern could match the
same padding, the first is possessive (`*+`): time stays linear in the length of the value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from hilum.dicom.elements import ProblemKind

Problem = tuple[ProblemKind, str]

_PADDING: Final = rb"[ \0]*+"


def _values(one: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:%b)?(?:\\(?:%b)?)*+%b" % (one, one, _PADDING))


# The Gregorian calendar: it has no year 0, and 29 February in leap years only.
_YEAR: Final = rb"(?!0000)[0-9]{4}"
_LEAP_YEAR: Final = rb"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_MONTH_DAY: Final = (
    rb"(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    rb"|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
_YEAR_MONTH_DAY: Final = rb"(?:%b%b|(?!0000)%b0229)" % (_YEAR, _MONTH_DAY, _LEAP_YEAR)
_OFFSET: Final = (
    rb"(?:\+(?:0[0-9][0-5][0-9]|1[0-3][0-5][0-9]|1400)"
    rb"|-(?!0000)(?:0[0-9][0-5][0-9]|1[01][0-5][0-9]|1200))"
)
_TIME: Final = rb"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
_UID: Final = rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"

PATTERNS: Final[Mapping[str, re.Pattern[bytes]]] = {
    "AE": _values(rb"[\x20\x21\x23-\x5b\x5d-\x7e]{0,16}+"),
    "AS": _values(rb"[0-9]{3}[DWMY]"),
    "CS": _values(rb"[A-Z0-9 _]{0,16}+"),
    "DA": _values(_YEAR_MONTH_DAY + rb" *+"),
    "DT": _values(
        rb"(?:%b(?:%b)?|%b(?:0[1-9]|1[0-2])|%b)(?:%b)? *+"
        % (_YEAR_MONTH_DAY, _TIME, _YEAR, _YEAR, _OFFSET)
    ),
    "TM": _values(_TIME + rb" *+"),
    "UI": _values(rb"(?=[0-9.]{1,64}(?:[\\ \0]|$))" + _UID),
}
"""What they match is also plain inside a JSON string, but for the separators."""

DATE: Final = re.compile(_YEAR_MONTH_DAY)
"""One day of the calendar (DA)."""
OFFSET: Final = re.compile(_OFFSET)
"""Offset from UTC, from -1200 to +1400 (DT, and PS3.3 C.12.1.1.8)."""

_SHORT_DECIMAL: Final = rb"-?(?:0|[1-9][0-9]{0,7})(?:\.[0-9]{1,6})?"
_SHORT_INTEGER: Final = rb"-?(?:0|[1-9][0-9]{0,8})"
DECIMALS: Final = re.compile(rb"%b(?:\\%b)*+" % (_SHORT_DECIMAL, _SHORT_DECIMAL))
"""DS values that are certainly short enough, and a JSON number each as they are."""
INTEGERS: Final = re.compile(rb"%b(?:\\%b)*+" % (_SHORT_INTEGER, _SHORT_INTEGER))
"""IS values of the same kind, inside 32 bits."""

_DECIMAL: Final = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
_INTEGER: Final = re.compile(r" *[+-]?[0-9]+ *")
_CONTROLS: Final = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")
_CONTROLS_IN_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")

_MAXIMUM_LENGTHS: Final = {
    "AE": 16, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "LT": 10240, "SH": 16, "ST": 1024, "UI": 64,
}  # fmt: skip

_FORMATS: Final[Mapping[str, str]] = {
    "AS": "it is no age such as 042Y",
    "DA": "it is no date of the form YYYYMMDD",
    "DT": "it is no date and time of the form YYYYMMDDHHMMSS.FFFFFF&ZZXX",
    "TM": "it is no time of the form HHMMSS.FFFFFF",
    "UI": "it is no UID: numbers without leading zeros, joined by dots",
}


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: not value.strip(" ") or pattern.fullmatch(value) is not None


def _consists_of(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.fullmatch(value) is not None


def _lacks(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: pattern.search(value) is None


_NO_CONTROL: Final = (_lacks(_CONTROLS), ProblemKind.CHARACTERS, "it has a control character")
_NO_CONTROL_IN_TEXT: Final = (_lacks(_CONTROLS_IN_TEXT), *_NO_CONTROL[1:])

_RULES: Final[Mapping[str, tuple[Callable[[str], bool], ProblemKind, str]]] = {
    "AE": (
        _consists_of(re.compile(r"[\x20-\x7e]*")),
        ProblemKind.CHARACTERS,
        "it has a control or non-ASCII character",
    ),
    "CS": (
        _consists_of(re.compile(r"[A-Z0-9 _]*")),
        ProblemKind.CHARACTERS,
        "it has a character outside A-Z, 0-9, space and underscore",
    ),
    "DS": (_matches(_DECIMAL), ProblemKind.FORMAT, "it is no decimal number"),
    "IS": (_matches(_INTEGER), ProblemKind.FORMAT, "it is no whole number"),
    "LO": _NO_CONTROL,
    "SH": _NO_CONTROL,
    "UC": _NO_CONTROL,
    "LT": _NO_CONTROL_IN_TEXT,
    "ST": _NO_CONTROL_IN_TEXT,
    "UT": _NO_CONTROL_IN_TEXT,
    "UR": (
        _consists_of(_REFERENCE),
        ProblemKind.CHARACTERS,
        "it has a character that a URI cannot have",
    ),
}


def first_problem(vr: str, values: list[str]) -> Problem | None:
    """Return what is wrong with the first bad value, or None. Values come without padding."""
    maximum = _MAXIMUM_LENGTHS.get(vr)
    rule = _RULES.get(vr)
    for value in values:
        if maximum is not None and len(value) > maximum:
            return ProblemKind.LENGTH, f"it is longer than {maximum} characters"
        if rule is not None:
            is_valid, kind, reason = rule
            if not is_valid(value):
                return kind, reason
        elif vr in _FORMATS and PATTERNS[vr].fullmatch(value.encode()) is None:
            return ProblemKind.FORMAT, _FORMATS[vr]
    if vr == "IS" and any(not -(2**31) <= int(value) < 2**31 for value in values if value.strip()):
        return ProblemKind.FORMAT, "it is a whole number outside 32 bits"
    return None
