"""Values of DICOM JSON to what the index compares (`LevelDescription.keys`).

What cannot be folded gives None: an invalid date is not found by any date, as if it were empty.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from hilum.dicom.attributes import Folding, fold_name, fold_text

Key = str | int | None

KEY_CHARACTERS: Final = 512
"""Longer texts are cut: no VR that is matched on allows as many, and database engines bound the
size of what an index row holds (PostgreSQL: 2,704 bytes)."""

_DATE: Final = re.compile(r"([0-9]{4})(\.?)(0[1-9]|1[0-2])\2(0[1-9]|[12][0-9]|3[01])")
_TIME: Final = re.compile(
    r"([01][0-9]|2[0-3])(?::?([0-5][0-9])(?::?([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?"
)
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12][0-9]|3[01])([0-9.]*))?)?(?:[+-][0-9]{4})?"
)
_LARGEST: Final = 2**63


def fold_date(text: str) -> str | None:
    """`YYYYMMDD` of a date, also of the old form `YYYY.MM.DD` (PS3.5 section 6.2)."""
    found = _DATE.fullmatch(text.strip(" \0"))
    return None if found is None else f"{found[1]}{found[3]}{found[4]}"


def fold_time(text: str) -> str | None:
    """`HHMMSS.FFFFFF` of a time; what it leaves out counts as zero. `HH:MM:SS` is the old form."""
    found = _TIME.fullmatch(text.strip(" \0"))
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return f"{hours}{minutes or '00'}{seconds or '00'}.{fraction or '':0<6}"


def fold_date_time(text: str) -> str | None:
    """`YYYYMMDDHHMMSS.FFFFFF`: the first moment of what it leaves out; an offset does not count."""
    found = _DATE_TIME.fullmatch(text.strip(" \0"))
    if found is None:
        return None
    year, month, day, rest = found.groups()
    time = fold_time(rest) if rest else "000000.000000"
    return None if time is None else f"{year}{month or '01'}{day or '01'}{time}"


def fold_uid(text: str) -> str | None:
    return text.strip(" \0") or None


def fold_integer(value: Any) -> int | None:  # noqa: ANN401 - any JSON value
    """A whole number of at most 64 bits, be it written as number or text."""
    try:
        number = int(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return number if number == _as_number(value) and -_LARGEST <= number < _LARGEST else None


def fold_real(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """A finite number, be it written as number or text."""
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_number(value: Any) -> float | int:  # noqa: ANN401 - any JSON value
    return value if isinstance(value, int) else float(value)


def _text(text: str) -> str | None:
    return fold_text(text.replace("\0", " "))[:KEY_CHARACTERS] or None


def _name(text: str) -> str | None:
    return fold_name(text.replace("\0", " "))[:KEY_CHARACTERS] or None


# The instances of a series repeat nearly all of these, so folding is remembered.
_BY_FOLDING: Final[Mapping[Folding, Callable[[str], str | None]]] = {
    Folding.NAME: lru_cache(4096)(_name),
    Folding.TEXT: lru_cache(4096)(_text),
    Folding.DATE: lru_cache(1024)(fold_date),
    Folding.TIME: lru_cache(1024)(fold_time),
    Folding.DATE_TIME: lru_cache(1024)(fold_date_time),
    Folding.UID: fold_uid,
}
_LONGEST_REMEMBERED: Final = 1024


def folded(folding: Folding, value: Any) -> Key:  # noqa: ANN401 - any JSON value
    """Fold one value of a DICOM JSON `Value` array for matching."""
    if folding is Folding.INTEGER:
        return fold_integer(value)
    if isinstance(value, dict):  # a person name (PS3.18 section F.2.2)
        groups = [
            str(value.get(group) or "") for group in ("Alphabetic", "Ideographic", "Phonetic")
        ]
        value = "=".join(groups)
    elif not isinstance(value, str):
        if value is None:
            return None
        value = str(value)
    return _BY_FOLDING[folding](value[:_LONGEST_REMEMBERED])
