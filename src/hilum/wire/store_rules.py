"""What storing means on each DICOMweb surface, as data (PS3.18 section 10.5; Azure, section 2)."""

from dataclasses import dataclass
from typing import Final

PROCESSING_FAILURE: Final = 0x0110
OUT_OF_RESOURCES: Final = 0xA700
DOES_NOT_MATCH: Final = 0xA900
WRONG_STUDY: Final = 0xA901
DUPLICATE: Final = 0xB00E
CANNOT_UNDERSTAND: Final = 0xC000
WARNING_DOES_NOT_MATCH: Final = 0xB007
WARNING_INVALID_ATTRIBUTES: Final = 1
"""Azure's own: stored, but some attributes failed validation."""


@dataclass(frozen=True, slots=True)
class StoreRules:
    """Failure and warning reasons are values of (0008,1197) and (0008,1196)."""

    bare_content_type: bool
    """`application/dicom` must come without parameters, and multipart/related without `start`."""
    upsert_by_put: bool
    """PUT stores as POST does, and replaces an instance that is held with other bytes."""

    reads_expiry: bool
    """Header fields say when the studies of a request expire (`hilum.wire.expiry`)."""
    unreadable_reason: int
    not_understood_reason: int
    """Refused, because elements of a data set that could be read cannot be made sense of."""
    fault_reason: int
    """The archive could not keep it now."""
    wrong_study_reason: int
    """The instance belongs to another study than the URL names."""
    implicit_vr_reason: int | None
    finding_reason: int | None
    """Stored with findings; None: findings of stored instances are not told."""

    names_study_always: bool
    """RetrieveURL of the study is always there, empty unless all instances are of one study."""
    has_other_failures: bool
    """Failures that belong to no SOP instance have a sequence of their own, (0008,119A)."""
    explains_failures: bool
    """Every failure carries a comment, not only those of validation."""


AZURE_V1_STORE: Final = StoreRules(
    bare_content_type=True,
    upsert_by_put=True,
    reads_expiry=True,
    unreadable_reason=PROCESSING_FAILURE,
    not_understood_reason=DOES_NOT_MATCH,
    fault_reason=PROCESSING_FAILURE,
    # The documents say A901, the service answers A900.
    wrong_study_reason=DOES_NOT_MATCH,
    implicit_vr_reason=WARNING_DOES_NOT_MATCH,
    finding_reason=None,
    names_study_always=False,
    has_other_failures=False,
    explains_failures=False,
)
AZURE_V2_STORE: Final = StoreRules(
    bare_content_type=True,
    upsert_by_put=True,
    reads_expiry=True,
    unreadable_reason=PROCESSING_FAILURE,
    not_understood_reason=DOES_NOT_MATCH,
    fault_reason=PROCESSING_FAILURE,
    wrong_study_reason=DOES_NOT_MATCH,
    implicit_vr_reason=WARNING_DOES_NOT_MATCH,
    finding_reason=WARNING_INVALID_ATTRIBUTES,
    names_study_always=False,
    has_other_failures=False,
    explains_failures=False,
)
STANDARD_STORE: Final = StoreRules(
    bare_content_type=False,
    upsert_by_put=False,
    reads_expiry=False,
    unreadable_reason=CANNOT_UNDERSTAND,
    not_understood_reason=CANNOT_UNDERSTAND,
    fault_reason=OUT_OF_RESOURCES,
    wrong_study_reason=WRONG_STUDY,
    implicit_vr_reason=None,
    finding_reason=WARNING_DOES_NOT_MATCH,
    names_study_always=True,
    has_other_failures=True,
    explains_failures=True,
)
