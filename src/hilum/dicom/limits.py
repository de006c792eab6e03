"""How much a data set may ask of the reader of its header."""

from dataclasses import dataclass

from hilum.domain.errors import LimitExceeded

DEEPEST_NESTING = 100
"""The reader calls itself per level of nesting, five calls deep; Python's stack allows 1000."""


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """Bounds on one header; each field is a setting.

    A header that goes beyond one is refused with `LimitExceeded`, naming `dicom.` and the field.
    """

    header_bytes: int = 32 * 1024 * 1024
    """Bytes of the data set that have to be looked at: everything but bulk values."""
    nesting_levels: int = 64
    """Sequences inside sequences; at most 100."""
    elements: int = 200_000
    """Elements at all levels, items included."""
    fragments: int = 2_000_000
    """Fragments of all encapsulated pixel data."""
    inflated_bytes: int = 2 * 1024 * 1024 * 1024
    """What a deflated data set may inflate to."""
    inflation_ratio: int = 200
    """Inflated bytes per deflated byte, looked at from 16 MiB of inflated bytes on."""
    inline_bytes: int | None = None
    """Not a bound: the largest bulk value that is written into the JSON. None: none is, and what
    is left out leaves no gap."""

    def __post_init__(self) -> None:
        if self.nesting_levels > DEEPEST_NESTING:
            message = f"nesting_levels must be at most {DEEPEST_NESTING}"
            raise ValueError(message)

    def exceeded(self, field: str, what: str) -> LimitExceeded:
        """Return the error for the bound called `field`."""
        return LimitExceeded(f"dicom.{field}", getattr(self, field), what)
