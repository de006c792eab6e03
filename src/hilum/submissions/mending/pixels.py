"""`fix-pixel-length`: native pixel data that is a little too short or too long."""

from collections.abc import Sequence
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import Span
from hilum.dicom.vr import PIXEL_DATA
from hilum.domain.errors import InvalidRequest
from hilum.submissions.mending.draft import Change, Draft
from hilum.validation.pixels import expected_bytes

_MOST_BYTES: Final = 4096
"""Without a number: a few rows."""
_LARGEST: Final = 64 << 20
"""What is added is held in memory."""


def fix_pixel_length(draft: Draft, most: str) -> Sequence[Change]:
    allowed = _allowed(most)
    pixels = draft.file.get(PIXEL_DATA)
    if pixels is None or pixels.is_open or pixels.items is not None:
        return []
    expected = expected_bytes(draft.root())
    if expected is None:
        return []
    path, difference = ElementPath((), PIXEL_DATA), expected - pixels.size
    if difference == 0 or (difference == 1 and not pixels.missing):
        if not pixels.missing:
            return []
        pixels.missing = 0
        return [Change(path, "its length was wrong; no byte of it was changed")]
    if abs(difference) > allowed:
        return []
    pixels.missing = 0
    if difference > 0:
        pixels.tail += bytes(difference)
        return [Change(path, f"{difference} bytes of zeros added at its end")]
    if isinstance(pixels.value, Span):
        pixels.value = Span(pixels.value.offset, expected)
    else:
        pixels.value = pixels.value[:expected]
    return [Change(path, f"{-difference} bytes cut off at its end")]


def _allowed(most: str) -> int:
    if not most:
        return _MOST_BYTES
    if not (most.isascii() and most.isdigit() and int(most[:12]) <= _LARGEST):
        message = f"fix-pixel-length={most} should give a number of bytes up to {_LARGEST}."
        raise InvalidRequest(message)
    return int(most)
