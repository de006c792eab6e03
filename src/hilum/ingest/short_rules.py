"""The short value rules that the Azure service applies to attributes it indexes.

They are laxer than PS3.5 section 6.2, and apply to the first value only, which is the one indexed.
Each rule returns why a value breaks it, or None. No reason holds the value.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hilum.dicom.attributes import Folding
from hilum.dicom.grammar import DATE
from hilum.domain.errors import InvalidUID
from hilum.domain.identifiers import parse_uid
from hilum.ingest.folding import fold_date_time, fold_real, fold_time, folded

Rule = Callable[[Any], str | None]

_CONTROL: Final = re.compile(r"[\x00-\x1a\x1c-\x1f\x7f]")  # all but ESC
_PN_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")


def _at_most(length: int, *, free_of_controls: bool) -> Rule:
    def check(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
        text = str(value).rstrip(" \0")
        if len(text) > length:
            return f"Value exceeds the maximum length of {length} characters."
        if free_of_controls and (_CONTROL.search(text) or "\\" in text):
            return "Value contains invalid character."
        return None

    return check


def _age(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return None if len(str(value).rstrip(" \0")) == 4 else "Value must be 4 characters long."


def _date(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    text = str(value).rstrip(" \0")
    return None if DATE.fullmatch(text.encode()) else "Value must be a date of the form yyyyMMdd."


def _time(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return None if fold_time(str(value)) else "Value must be a time of the form HHmmss.FFFFFF."


def _date_time(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if fold_date_time(str(value)):
        return None
    return "Value must be a date and time of the form yyyyMMddHHmmss.FFFFFF&ZZXX."


def _decimal(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    return "Value must be a number." if fold_real(value) is None else None


def _integer(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    number = folded(Folding.INTEGER, value)
    in_range = isinstance(number, int) and -(2**31) <= number < 2**31
    return None if in_range else "Value must be an integer of 32 bits."


def _uid(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    try:
        parse_uid(str(value))
    except InvalidUID:
        return "Value must be digits and dots, at most 64 characters long."
    return None


def _person_name(value: Any) -> str | None:  # noqa: ANN401 - any JSON value
    groups = [value.get(group) or "" for group in _PN_GROUPS] if isinstance(value, dict) else []
    for group in groups:
        if len(group.rstrip(" \0")) > 64:
            return "A component group exceeds the maximum length of 64 characters."
        if _CONTROL.search(group.rstrip(" \0")):
            return "Value contains invalid character."
        if group.count("^") > 4:
            return "A component group has more than 5 components."
    return None


SHORT_RULES: Final[Mapping[str, Rule]] = {
    "AE": _at_most(16, free_of_controls=False),
    "AS": _age,
    "CS": _at_most(16, free_of_controls=False),
    "DA": _date,
    "DS": _decimal,
    "DT": _date_time,
    "IS": _integer,
    "LO": _at_most(64, free_of_controls=True),
    "PN": _person_name,
    "SH": _at_most(16, free_of_controls=False),
    "TM": _time,
    "UI": _uid,
}
"""By VR. Binary numbers are left out: the reader of the header reports those of a wrong size."""
