"""What validation has to say about an instance."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`ERROR` refuses the instance, `WARNING` keeps it and says so, `INFO` is only told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with where; each wire renders it in its own way.

    `text` must not hold the value: patient data stays out of answers and logs.
    """

    code: str
    severity: Severity
    tag: int | None
    """The top-level attribute, as 0xGGGGEEEE; None when the whole instance is meant."""
    text: str
    path: str = ""
    """Where the element is when it may lie in sequences: `(0008,1140)[0](0008,1155)`."""
    expected: str = ""
    found: str = ""
    """In words, or as numbers and coded strings of attributes that describe images."""
    section: str = ""
    """Where the standard says so, such as `PS3.3 C.7.6.3`."""

    @property
    def tag_text(self) -> str:
        """`(gggg,eeee)`, or empty."""
        return "" if self.tag is None else f"({self.tag >> 16:04x},{self.tag & 0xFFFF:04x})"
