"""Which version of an instance is meant where there are two."""

from enum import StrEnum


class Edition(StrEnum):
    """A bulk update keeps what came first beside what it made of it."""

    LATEST = "latest"
    ORIGINAL = "original"
    """As it was before the first bulk update; the latest where there was none."""
