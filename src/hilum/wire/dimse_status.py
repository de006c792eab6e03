"""Outcomes and errors as DIMSE status: PS3.4 table B.2-1, PS3.7 9.1.1.1.9 and annex C.

No warning status (0xB000, 0xB006, 0xB007) is ever sent: nothing is coerced or left out, the file
is kept as it came; what validation found is told by the findings of the archive.
"""

import re
from dataclasses import dataclass
from typing import Final

from hilum.dicom.errors import MalformedElement, TruncatedInstance
from hilum.domain import errors
from hilum.domain.findings import Finding, Severity
from hilum.domain.instances import Disposition, Outcome
from hilum.validation.findings import NOT_UNDERSTOOD

SUCCESS: Final = 0x0000
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111
NO_SUCH_SOP_INSTANCE: Final = 0x0112
INVALID_SOP_INSTANCE: Final = 0x0117
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORISED: Final = 0x0124
OUT_OF_RESOURCES: Final = 0xA700
DATASET_DOES_NOT_MATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
LIMIT_EXCEEDED: Final = 0xC001
"""Ours, within the range of "cannot understand": a limit that is a setting of ours was reached,
so that sending again cannot help before an operator raised it."""

COMMENT_MAXIMUM_LENGTH: Final = 64
OFFENDING_ELEMENTS_MAXIMUM: Final = 8

_OF_ERROR: Final[dict[type[Exception], int]] = {
    errors.UnreadableInstance: CANNOT_UNDERSTAND,
    errors.InvalidRequest: CANNOT_UNDERSTAND,
    errors.UnsupportedMediaType: CANNOT_UNDERSTAND,
    errors.NotAcceptable: CANNOT_UNDERSTAND,
    errors.LimitExceeded: LIMIT_EXCEEDED,
    errors.InvalidUID: INVALID_SOP_INSTANCE,
    errors.NotHeld: NO_SUCH_SOP_INSTANCE,
    errors.AccessDenied: NOT_AUTHORISED,
    errors.ArchiveFault: OUT_OF_RESOURCES,
    errors.HilumError: PROCESSING_FAILURE,
    Exception: PROCESSING_FAILURE,
}


@dataclass(frozen=True, slots=True)
class DimseStatus:
    """What a response says: (0000,0900), (0000,0902) and (0000,0901)."""

    code: int
    comment: str = ""
    """At most 64 characters of the default repertoire, without patient data."""
    offending_elements: tuple[int, ...] = ()
    """Tags as 0xGGGGEEEE."""


STORED: Final = DimseStatus(SUCCESS)


def status_of(outcome: Outcome) -> DimseStatus:
    """Say with a status what became of an instance that came in by C-STORE."""
    match outcome.disposition:
        case Disposition.CREATED | Disposition.NEW_VERSION | Disposition.ALREADY_HELD:
            return STORED
        case Disposition.CONFLICT:
            return DimseStatus(
                DUPLICATE_SOP_INSTANCE, "Other content is held under this SOP Instance UID"
            )
        case Disposition.REFUSED:
            return _refused(outcome)
        case Disposition.UNREADABLE:
            return status_of_error(outcome.error or errors.UnreadableInstance("not readable"))
        case Disposition.FAILED:
            return status_of_error(outcome.error or errors.ArchiveUnavailable("not kept"))


def status_of_error(error: Exception) -> DimseStatus:
    """Say with a status why nothing could be done. Only a `HilumError` tells more than that."""
    code = next(_OF_ERROR[kind] for kind in type(error).__mro__ if kind in _OF_ERROR)
    if not isinstance(error, errors.HilumError):
        return DimseStatus(code, "Internal error")
    damaged = (error.tag,) if isinstance(error, TruncatedInstance | MalformedElement) else ()
    return DimseStatus(code, comment_of(str(error) or error.title), damaged)


def comment_of(text: str) -> str:
    """Make a value for Error Comment (LO): one line, ASCII, no backslash, 64 characters."""
    plain = re.sub(r"[^ -~]+", " ", text.replace("\\", "/"))
    return re.sub(r" {2,}", " ", plain).strip()[:COMMENT_MAXIMUM_LENGTH].rstrip()


def _refused(outcome: Outcome) -> DimseStatus:
    reasons = [each for each in outcome.findings if each.severity is Severity.ERROR]
    is_readable = any(each.code not in NOT_UNDERSTOOD for each in reasons) or not reasons
    return DimseStatus(
        DATASET_DOES_NOT_MATCH if is_readable else CANNOT_UNDERSTAND,
        comment_of(_comment(reasons[0]) if reasons else "The data set was refused"),
        _offending_elements(reasons),
    )


def _comment(finding: Finding) -> str:
    return f"{finding.tag_text} {finding.text}"


def _offending_elements(findings: list[Finding]) -> tuple[int, ...]:
    tags = dict.fromkeys(each.tag for each in findings if each.tag is not None)
    return tuple(tags)[:OFFENDING_ELEMENTS_MAXIMUM]
