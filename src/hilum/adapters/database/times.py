"""Times as the tables hold them: microseconds since 1970-01-01T00:00Z."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def now_microseconds() -> int:
    return time.time_ns() // 1000


def to_microseconds(moment: datetime) -> int:
    """Raises `TypeError` for a time without a zone."""
    return (moment - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND
