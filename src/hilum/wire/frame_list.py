"""Reading the list of frames in a path (PS3.18 table 10.4.1-2)."""

from collections.abc import Sequence
from typing import Final

from hilum.domain.errors import InvalidRequest

_MOST_DIGITS: Final = 18


def frame_numbers(text: str) -> Sequence[int]:
    """Return the frames of a comma-separated list, which counts from 1, counted from 0.

    They stay in their order, and one may come twice. Raises `InvalidRequest` for what is no list
    of whole numbers from 1 on.
    """
    frames = []
    for item in text.split(","):
        number = item.strip()
        if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
            message = "The list of frames is not made of whole numbers, separated by commas."
            raise InvalidRequest(message)
        if int(number) == 0:
            message = "Frames are counted from 1."
            raise InvalidRequest(message)
        frames.append(int(number) - 1)
    return frames
