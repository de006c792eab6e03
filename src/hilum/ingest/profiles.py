"""Validation profiles: what a door demands of an instance, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.domain.findings import Severity

ERROR: Final = Severity.ERROR
WARNING: Final = Severity.WARNING

IDENTIFYING_TAGS: Final = tuple(
    tag_of(keyword)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
)
"""Without these four UIDs an archive cannot keep an instance; every profile demands them."""

PATIENT_ID: Final = tag_of("PatientID")


@dataclass(frozen=True, slots=True)
class Requirement:
    """What becomes of an instance in which a required attribute is wanting; None lets it pass."""

    absent: Severity | None
    empty: Severity | None
    invalid: Severity | None
    """The first value breaks the short rules of `hilum.ingest.short_rules`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One set of rules."""

    name: str
    required: Mapping[int, Requirement]
    """By tag, besides the four UIDs."""
    short_rules: Mapping[int, str]
    """Tags whose first value must follow the short rules of this VR, else the instance is refused;
    so it is when the element has another VR."""
    value_problem: Severity | None
    """What a value anywhere in the data set means that breaks its VR (PS3.5 section 6.2)."""
    extended: Severity | None = None
    """What a value means that an extended query tag cannot index; None lets it pass."""


_AZURE_INDEXED: Final = {
    "PatientName": "PN",
    "PatientBirthDate": "DA",
    "ReferringPhysicianName": "PN",
    "StudyDate": "DA",
    "StudyDescription": "LO",
    "AccessionNumber": "SH",
    "Modality": "CS",
    "PerformedProcedureStepStartDate": "DA",
    "ManufacturerModelName": "LO",
}
"""The core attributes that version 1 of the Azure service indexes, besides UIDs and PatientID."""


def _profile(
    name: str,
    *,
    patient_id: Requirement | None = None,
    short_rules: Mapping[str, str] = MappingProxyType({}),
    value_problem: Severity | None = None,
    extended: Severity | None = WARNING,
) -> Profile:
    return Profile(
        name,
        {} if patient_id is None else {PATIENT_ID: patient_id},
        {tag_of(keyword): vr for keyword, vr in short_rules.items()},
        value_problem,
        extended,
    )


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            # Version 1 looks at indexed attributes only, and refuses.
            _profile(
                "azure-v1",
                patient_id=Requirement(absent=ERROR, empty=ERROR, invalid=ERROR),
                short_rules=_AZURE_INDEXED,
                extended=ERROR,
            ),
            # Version 2 looks at everything, and warns; only what identifies is refused.
            _profile(
                "azure-v2",
                patient_id=Requirement(absent=ERROR, empty=WARNING, invalid=ERROR),
                value_problem=WARNING,
            ),
            # Modalities cannot mend a header: keep what can be found again, and say what is wrong.
            _profile(
                "standard",
                patient_id=Requirement(absent=WARNING, empty=None, invalid=None),
                value_problem=WARNING,
            ),
            # PatientID is of type 2 (PS3.3 C.7.1.1): present, possibly empty.
            _profile(
                "strict",
                patient_id=Requirement(absent=ERROR, empty=None, invalid=None),
                value_problem=ERROR,
            ),
            _profile("minimal", extended=None),
        )
    }
)


def profile_named(name: str) -> Profile:
    """Return the profile of this name. Raises `KeyError` with the names there are."""
    try:
        return PROFILES[name]
    except KeyError:
        message = f"no validation profile {name!r}; there are {', '.join(PROFILES)}"
        raise KeyError(message) from None
