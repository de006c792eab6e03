"""Header fields of a store request that say when its studies expire (Azure DICOM service)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from hilum.domain.errors import InvalidRequest

TIME_HEADER: Final = "msdicom-expiry-time-milliseconds"
OPTION_HEADER: Final = "msdicom-expiry-option"
LEVEL_HEADER: Final = "msdicom-expiry-level"
_OPTION: Final = "RelativeToNow"
_LEVEL: Final = "Study"
_LONGEST: Final = 17
"""Digits; more than those of any time that a date can be told of, and few enough to be read."""


def expiry_of(headers: Mapping[str, str], now: datetime, *, strict: bool) -> datetime | None:
    """When the studies of a request expire; None: never, as no header field says otherwise.

    `strict`: option and level must be there, too. Raises `InvalidRequest`.
    """
    told = headers.get(TIME_HEADER)
    fixed = {OPTION_HEADER: _OPTION, LEVEL_HEADER: _LEVEL}
    if told is None:
        alone = [name for name in fixed if name in headers]
        if alone:
            raise InvalidRequest(f"{alone[0]} has no effect without {TIME_HEADER}.")
        return None
    for name, value in fixed.items():
        given = headers.get(name)
        if given is None and strict:
            raise InvalidRequest(f"{name} is missing; it must be {value}.")
        if given is not None and given.strip().lower() != value.lower():
            raise InvalidRequest(f"{name} must be {value}.")
    return _moment(told.strip(), now)


def _moment(text: str, now: datetime) -> datetime:
    digits = text.lstrip("0")
    if not (text.isascii() and text.isdecimal() and digits):
        raise InvalidRequest(f"{TIME_HEADER} must be a whole number above 0.")
    try:
        return now + timedelta(milliseconds=int(digits[:_LONGEST]))
    except OverflowError:
        raise InvalidRequest(f"{TIME_HEADER} is beyond the year 9999.") from None
