"""What validation has to say about an instance."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """`ERROR` refuses the instance, `WARNING` keeps it and says so, `INFO` is only told.

    Of the standard: `ERROR` contradicts it, `WARNING` probably harms. Profiles decide.
    """

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


FINDINGS_KEPT: Final = 200
"""How many findings of one file are remembered."""

_WORST_FIRST: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
NO_GRAVITY: Final = len(_WORST_FIRST)


def gravity(findings: Sequence[Finding]) -> int:
    """Of the worst of them: 0 an error, 1 a warning, 2 a remark, `NO_GRAVITY` of none."""
    return min((_WORST_FIRST[each.severity] for each in findings), default=NO_GRAVITY)


def worst(findings: Sequence[Finding], limit: int = FINDINGS_KEPT) -> Sequence[Finding]:
    """The `limit` worst in their order; all of them when there are no more."""
    if len(findings) <= limit:
        return tuple(findings)
    by_severity = sorted(enumerate(findings), key=lambda each: _WORST_FIRST[each[1].severity])
    return tuple(finding for _, finding in sorted(by_severity[:limit], key=lambda each: each[0]))
