"""Ranges of bytes (RFC 9110 section 14), as viewers ask for them to draw while they load."""

import re
from typing import Final, NamedTuple

from hilum.domain.errors import RangeNotSatisfiable

_ONE_RANGE: Final = re.compile(
    r"bytes[ \t]*=[ \t]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[ \t]*", re.IGNORECASE
)


class ByteRange(NamedTuple):
    """Bytes from `start` to before `stop`."""

    start: int
    stop: int

    def content_range(self, size_bytes: int) -> str:
        """Value of Content-Range for this part of a body of `size_bytes`."""
        return f"bytes {self.start}-{self.stop - 1}/{size_bytes}"


def requested_range(
    range_header: str | None, if_range: str | None, etag: str, size_bytes: int
) -> ByteRange | None:
    """Return the part of a body of `size_bytes` that is asked for, None for the whole.

    A range is passed over, as RFC 9110 14.2 allows, when it cannot be read, when there are several
    of them, and when `If-Range` is not the strong `etag` (quotation marks included).

    Raises `RangeNotSatisfiable` for a range that begins behind the end.
    """
    if range_header is None or (if_range is not None and if_range.strip() != etag):
        return None
    found = _ONE_RANGE.fullmatch(range_header.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        if not int(suffix) or not size_bytes:
            raise RangeNotSatisfiable(size_bytes)
        return ByteRange(max(size_bytes - int(suffix), 0), size_bytes)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeNotSatisfiable(size_bytes)
    return ByteRange(start, min(int(last) + 1, size_bytes) if last else size_bytes)
