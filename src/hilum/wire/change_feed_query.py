"""What a request asks of the change feed (Azure DICOM service, section 7.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from urllib.parse import unquote_plus

from hilum.domain.errors import InvalidQuery
from hilum.ports.change_feed import Window
from hilum.wire.surfaces import AZURE_V1, Surface

_MOST_BYTES: Final = 8192
_LARGEST: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:([Zz])|([+ -])(\d\d):(\d\d))",
    re.ASCII,
)
"""A space stands for a plus sign that came unescaped."""
_NO_TIME: Final = (
    "it is a time of ISO 8601 with its zone, such as 2024-02-29T12:00:00Z or "
    "2024-02-29T12:00:00+01:00"
)


@dataclass(frozen=True, slots=True)
class FeedRules:
    """What differs between the versions."""

    default_limit: int
    maximum_limit: int
    by_time: bool
    """`offset` counts within a window of time; else it is the position after which to read."""


V1_FEED: Final = FeedRules(default_limit=10, maximum_limit=100, by_time=False)
V2_FEED: Final = FeedRules(default_limit=100, maximum_limit=200, by_time=True)


def feed_rules(surface: Surface) -> FeedRules:
    return V1_FEED if surface is AZURE_V1 else V2_FEED


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A page of the change feed."""

    offset: int
    limit: int
    window: Window
    with_metadata: bool


def read_feed_request(query_string: bytes, rules: FeedRules) -> FeedRequest:
    """Read the query string of `/changefeed`. Raises `InvalidQuery`, naming the parameter.

    Names are read without case; what is not known is passed over, as that service does.
    """
    known = _parameters(query_string)
    window = Window()
    if rules.by_time:
        window = Window(_time(known, "startTime"), _time(known, "endTime"))
        if window.start is not None and window.end is not None and window.end <= window.start:
            raise InvalidQuery("endTime", "it has to be later than startTime")
    return FeedRequest(
        _number(known, "offset", 0, 0, _LARGEST),
        _number(known, "limit", rules.default_limit, 1, rules.maximum_limit),
        window,
        _with_metadata(known),
    )


def read_latest_request(query_string: bytes) -> bool:
    """Whether the query string of `/changefeed/latest` wants metadata. Raises `InvalidQuery`."""
    return _with_metadata(_parameters(query_string))


def _parameters(query_string: bytes) -> Mapping[str, str]:
    if len(query_string) > _MOST_BYTES:
        raise InvalidQuery("", f"it is longer than {_MOST_BYTES} bytes")
    found: dict[str, str] = {}
    for piece in query_string.decode("latin-1").split("&"):
        name, _, value = piece.partition("=")
        name = unquote_plus(name).lower()
        if name in _NAMES and name in found:
            raise InvalidQuery(_NAMES[name], "it is given more than once")
        found[name] = unquote_plus(value).strip()
    return found


_NAMES: Final = {
    name.lower(): name for name in ("offset", "limit", "startTime", "endTime", "includeMetadata")
}


def _number(known: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = known.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:20]) <= most):
        raise InvalidQuery(name, f"it is a whole number from {least} to {most}")
    return int(text[:20])


def _with_metadata(known: Mapping[str, str]) -> bool:
    text = known.get("includemetadata", "true").lower()
    if text not in {"true", "false"}:
        raise InvalidQuery("includeMetadata", "it is either true or false")
    return text == "true"


def _time(known: Mapping[str, str], name: str) -> int | None:
    """Microseconds since 1970, rounded up: no entry is nearer than that."""
    text = known.get(name.lower())
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise InvalidQuery(name, _NO_TIME)
    day, minute, second, fraction, utc, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}")
        zone = UTC if utc else _zone(sign, int(hours), int(minutes))
    except ValueError:
        raise InvalidQuery(name, _NO_TIME) from None
    whole = (moment.replace(tzinfo=zone) - _EPOCH) // _MICROSECOND
    nanoseconds = int((fraction or "").ljust(9, "0"))
    return whole + -(-nanoseconds // 1000)


def _zone(sign: str, hours: int, minutes: int) -> timezone:
    """Raises `ValueError` for what is no offset."""
    if hours > 14 or minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)
