"""The levels of the study root information model (PS3.4 section C.6.2)."""

from enum import IntEnum


class Level(IntEnum):
    """A larger number is deeper."""

    STUDY = 1
    SERIES = 2
    INSTANCE = 3
