"""From the text of one query parameter to a match (PS3.4 section C.2.2.2)."""

import re
from datetime import date
from typing import Final, Protocol

from hilum.dicom.attributes import Folding, fold_name, fold_text
from hilum.domain.errors import InvalidQuery, InvalidUID
from hilum.domain.identifiers import parse_uid
from hilum.domain.queries import Between, Empty, Equals, Like, Match, OneOf, Words

_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_TIME: Final = re.compile(
    r"([01]\d|2[0-3])(?:([0-5]\d)(?:([0-5]\d|60)(?:\.(\d{1,6}))?)?)?", re.ASCII
)
_DATE_TIME: Final = re.compile(
    r"(\d{4})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])([\d.]*))?)?", re.ASCII
)
_WILD: Final = re.compile(r"[*?]")
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
EMPTY_VALUE: Final = '""'
"""Asks for attributes without a value (PS3.4 section C.2.2.2.7)."""


class Matched(Protocol):
    """An attribute that can be matched on."""

    @property
    def vr(self) -> str: ...

    @property
    def folding(self) -> Folding: ...


def standard_match(
    parameter: str, text: str, attribute: Matched, *, fuzzy: bool, maximum_list: int
) -> Match | None:
    """Read a value as PS3.4 defines matching; None means universal matching.

    A range may end before it begins: with a range of dates, times are one span with them.

    Raises `InvalidQuery`, naming `parameter` and never the value.
    """
    text = text.strip()
    if text in {"", "*"}:
        return None
    if text == EMPTY_VALUE:
        return Empty()
    folding = attribute.folding
    values = _values(text, attribute.vr)
    if len(values) == 1:
        return _single(parameter, values[0], folding, fuzzy=fuzzy)
    if len(values) > maximum_list:
        raise InvalidQuery(parameter, f"a list may hold {maximum_list} values")
    if folding is Folding.INTEGER:
        raise InvalidQuery(parameter, "a list of numbers cannot be matched")
    matches = [_single(parameter, value, folding, fuzzy=False) for value in values]
    if not all(isinstance(match, Equals) for match in matches):
        raise InvalidQuery(parameter, "a list cannot hold wild cards or ranges")
    return OneOf(tuple(str(match.value) for match in matches if isinstance(match, Equals)))


def literal_match(parameter: str, text: str, folding: Folding, *, fuzzy: bool) -> Match:
    """Read a value as the Azure DICOM service does: exact, a range of dates, or fuzzy.

    Raises `InvalidQuery`, naming `parameter` and never the value.
    """
    text = text.strip()
    if not text:
        raise InvalidQuery(parameter, "it has no value")
    if folding is Folding.NAME:
        if not fuzzy:
            return Equals(fold_name(text))
        if '"' in text:
            raise InvalidQuery(parameter, "a quotation mark cannot be matched with fuzzymatching")
        return _words(parameter, text)
    if folding is Folding.TEXT:
        return Equals(fold_text(text))
    return _typed(parameter, text, folding)


def _values(text: str, vr: str) -> list[str]:
    """Split at backslashes, for UIDs and codes at commas, too (PS3.18 section 8.3.4.1)."""
    if vr in {"UI", "CS"}:
        text = text.replace(",", "\\")
    return [value for value in (part.strip() for part in text.split("\\")) if value]


def _single(parameter: str, text: str, folding: Folding, *, fuzzy: bool) -> Match:
    if folding in {Folding.NAME, Folding.TEXT}:
        fold = fold_name if folding is Folding.NAME else fold_text
        if _WILD.search(text) is not None:
            return Like(fold(text))
        if fuzzy and folding is Folding.NAME:
            return _words(parameter, text)
        folded = fold(text)
        if not folded:
            raise InvalidQuery(parameter, "it holds nothing to match")
        return Equals(folded)
    if _WILD.search(text) is not None:
        raise InvalidQuery(parameter, "wild cards match text only, not UIDs, dates or numbers")
    return _typed(parameter, text, folding)


def _words(parameter: str, text: str) -> Words:
    words = tuple(fold_name(text).split())
    if not words:
        raise InvalidQuery(parameter, "it holds no word to match")
    return Words(words)


def _typed(parameter: str, text: str, folding: Folding) -> Match:
    if folding is Folding.UID:
        try:
            return Equals(parse_uid(text, parameter))
        except InvalidUID as error:
            raise InvalidQuery(parameter, "it is not a UID (PS3.5 section 9.1)") from error
    if folding is Folding.INTEGER:
        return Equals(_integer(parameter, text))
    if "-" in text:
        return _range(parameter, text, folding)
    if folding is Folding.DATE:
        return Equals(_date(parameter, text))
    low, high = _moments(parameter, text, folding)
    return Equals(low) if low == high else Between(low, high)


def _range(parameter: str, text: str, folding: Folding) -> Between:
    first, _, last = (part.strip() for part in text.partition("-"))
    if not first and not last:
        raise InvalidQuery(parameter, "a range needs at least one end")
    if folding is Folding.DATE:
        low = _date(parameter, first) if first else None
        high = _date(parameter, last) if last else None
    else:
        low = _moments(parameter, first, folding)[0] if first else None
        high = _moments(parameter, last, folding)[1] if last else None
    return Between(low, high)


def _integer(parameter: str, text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise InvalidQuery(parameter, "it is not a whole number of at most 18 digits")
    return int(text)


def _date(parameter: str, text: str) -> str:
    found = _DATE.fullmatch(text)
    try:
        if found is not None:
            date(int(found[1]), int(found[2]), int(found[3]))
            return text
    except ValueError as error:
        raise InvalidQuery(parameter, "there is no such day") from error
    raise InvalidQuery(parameter, "a date is written YYYYMMDD, a range YYYYMMDD-YYYYMMDD")


def _moments(parameter: str, text: str, folding: Folding) -> tuple[str, str]:
    """First and last instant that a time, or a date and time, of reduced precision means."""
    reads = _date_time if folding is Folding.DATE_TIME else _time
    return reads(parameter, text)


def _date_time(parameter: str, text: str) -> tuple[str, str]:
    """As `YYYYMMDDHHMMSS.FFFFFF`. Offsets are not taken: values are compared as they stand."""
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        reason = "a date and time is written YYYY to YYYYMMDDHHMMSS.FFFFFF, without an offset"
        raise InvalidQuery(parameter, reason)
    year, month, day, rest = found.groups()
    low, high = _time(parameter, rest) if rest else ("000000.000000", "235960.999999")
    return f"{year}{month or '01'}{day or '01'}{low}", f"{year}{month or '12'}{day or '31'}{high}"


def _time(parameter: str, text: str) -> tuple[str, str]:
    """First and last instant that a time of reduced precision means, as `HHMMSS.FFFFFF`."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidQuery(parameter, "a time is written HH, HHMM, HHMMSS or HHMMSS.FFFFFF")
    hours, minutes, seconds, fraction = found.groups()
    return (
        f"{hours}{minutes or '00'}{seconds or '00'}.{(fraction or '').ljust(6, '0')}",
        f"{hours}{minutes or '59'}{seconds or '59'}.{(fraction or '').ljust(6, '9')}",
    )
