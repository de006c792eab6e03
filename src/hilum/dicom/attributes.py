"""The attributes the archive indexes, derived from the dictionary of PS3.6, and how it folds them.

This table is the one place that says what can be matched on: the database makes its columns from
it, QIDO-RS and C-FIND check their keys against it, and `describe` fills it.
"""

import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

from hilum.dicom.dictionary import DICTIONARY, TAGS
from hilum.domain.levels import Level


class Folding(Enum):
    """How a value is stored for matching."""

    NAME = "name"  # case and accents folded: PN
    TEXT = "text"  # case folded: LO SH CS AE ST ...
    DATE = "date"  # YYYYMMDD
    TIME = "time"  # HHMMSS.FFFFFF
    UID = "uid"  # as it is, without padding
    INTEGER = "integer"  # a number: IS US UL SS SL
    DATE_TIME = "date-time"  # YYYYMMDDHHMMSS.FFFFFF


_FOLDING_BY_VR: Final = {
    "PN": Folding.NAME,
    "DA": Folding.DATE,
    "TM": Folding.TIME,
    "UI": Folding.UID,
    "IS": Folding.INTEGER,
    "US": Folding.INTEGER,
    "UL": Folding.INTEGER,
    "SS": Folding.INTEGER,
    "SL": Folding.INTEGER,
    "DT": Folding.DATE_TIME,
}


def folding_of(vr: str) -> Folding:
    """How values of a VR are stored for matching; those of DS, FD and FL are not matched here."""
    return _FOLDING_BY_VR.get(vr, Folding.TEXT)


@dataclass(frozen=True, slots=True)
class IndexedAttribute:
    """An attribute with a column of its own at `level`."""

    keyword: str
    level: Level

    @property
    def tag(self) -> int:
        """0xGGGGEEEE (PS3.6)."""
        return tag_of(self.keyword)

    @property
    def vr(self) -> str:
        """Value representation (PS3.6)."""
        return DICTIONARY[self.tag][0]

    @property
    def folding(self) -> Folding:
        return folding_of(self.vr)


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """An attribute inside the items of a sequence that can be matched on at `level`."""

    sequence: str
    keyword: str
    level: Level

    @property
    def path(self) -> str:
        """`SSSSSSSSTTTTTTTT`, as in `SequenceItemValue.path`."""
        return f"{tag_of(self.sequence):08X}{tag_of(self.keyword):08X}"

    @property
    def vr(self) -> str:
        """Value representation (PS3.6)."""
        return DICTIONARY[tag_of(self.keyword)][0]

    @property
    def folding(self) -> Folding:
        return folding_of(self.vr)


@cache
def tag_of(keyword: str) -> int:
    """Tag of a PS3.6 keyword, as 0xGGGGEEEE. Raises `KeyError` for an unknown keyword."""
    return TAGS[keyword]


def _at(level: Level, keywords: str) -> tuple[IndexedAttribute, ...]:
    return tuple(IndexedAttribute(keyword, level) for keyword in keywords.split())


# PS3.4 tables C.6-1 to C.6-4, PS3.18 table 10.6.1-5, and what viewers filter on.
INDEXED_ATTRIBUTES: Final = (
    *_at(
        Level.STUDY,
        "StudyInstanceUID PatientID IssuerOfPatientID PatientName PatientBirthDate PatientSex "
        "AccessionNumber StudyID StudyDate StudyTime StudyDescription ReferringPhysicianName",
    ),
    *_at(
        Level.SERIES,
        "SeriesInstanceUID Modality SeriesNumber SeriesDescription SeriesDate SeriesTime "
        "BodyPartExamined PerformedProcedureStepStartDate PerformedProcedureStepStartTime "
        "ManufacturerModelName Manufacturer StationName InstitutionName ProtocolName",
    ),
    *_at(
        Level.INSTANCE,
        "SOPInstanceUID SOPClassUID InstanceNumber ContentDate ContentTime AcquisitionDate "
        "AcquisitionTime NumberOfFrames Rows Columns BitsAllocated",
    ),
)


def _items(level: Level, sequence: str, keywords: str) -> tuple[IndexedItem, ...]:
    return tuple(IndexedItem(sequence, keyword, level) for keyword in keywords.split())


_CODE = "CodeValue CodingSchemeDesignator CodeMeaning"  # PS3.3 section 8.1, Basic Code

INDEXED_ITEMS: Final = (
    *_items(Level.STUDY, "ProcedureCodeSequence", _CODE),
    *_items(
        Level.SERIES,
        "RequestAttributesSequence",
        "ScheduledProcedureStepID RequestedProcedureID AccessionNumber",
    ),
    *_items(Level.SERIES, "PerformedProtocolCodeSequence", _CODE),
    *_items(Level.SERIES, "AnatomicRegionSequence", _CODE),
    *_items(Level.INSTANCE, "ConceptNameCodeSequence", _CODE),
    *_items(Level.INSTANCE, "ReferencedSeriesSequence", "SeriesInstanceUID"),
)

# Returned by a search from the index row alone: the union of the default and `all` sets of both
# versions of the Azure service, PS3.18 tables 10.6.3-3 to 10.6.3-5, and what OHIF asks for.
RETURNED_KEYWORDS: Final = {
    Level.STUDY: (
        "SpecificCharacterSet StudyDate StudyTime AccessionNumber IssuerOfAccessionNumberSequence "
        "ReferringPhysicianName TimezoneOffsetFromUTC PatientName PatientID IssuerOfPatientID "
        "PatientBirthDate PatientSex StudyInstanceUID StudyID StudyDescription "
        "ProcedureCodeSequence NameOfPhysiciansReadingStudy AdmittingDiagnosesDescription "
        "ReferencedStudySequence PatientAge PatientSize PatientWeight Occupation "
        "AdditionalPatientHistory AnatomicRegionsInStudyCodeSequence PhysiciansOfRecord "
        "InstitutionName PatientBirthTime"
    ).split(),
    Level.SERIES: (
        "SpecificCharacterSet Modality TimezoneOffsetFromUTC SeriesDescription SeriesInstanceUID "
        "SeriesNumber PerformedProcedureStepStartDate PerformedProcedureStepStartTime "
        "RequestAttributesSequence SeriesDate SeriesTime Laterality Manufacturer "
        "ManufacturerModelName BodyPartExamined StationName ProtocolName "
        "PerformedProtocolCodeSequence AnatomicRegionSequence InstitutionName "
        "FrameOfReferenceUID PatientPosition"
    ).split(),
    Level.INSTANCE: (
        "SpecificCharacterSet SOPClassUID SOPInstanceUID TimezoneOffsetFromUTC InstanceNumber "
        "NumberOfFrames Rows Columns BitsAllocated ContentDate ContentTime AcquisitionDate "
        "AcquisitionTime ConceptNameCodeSequence ImageType"
    ).split(),
}


def wanted_tags() -> frozenset[int]:
    """Every top-level tag that `describe` needs from a header."""
    keywords = {attribute.keyword for attribute in INDEXED_ATTRIBUTES}
    keywords.update(item.sequence for item in INDEXED_ITEMS)
    for returned in RETURNED_KEYWORDS.values():
        keywords.update(returned)
    return frozenset(tag_of(keyword) for keyword in keywords)


def fold_name(text: str) -> str:
    """Fold case and accents, and make `^`, `=` and runs of spaces one space.

    Components of a person name are joined by `^`, its groups by `=` (PS3.5 section 6.2.1).
    """
    separated = text.replace("^", " ").replace("=", " ")
    decomposed = unicodedata.normalize("NFKD", separated.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.split())


def fold_text(text: str) -> str:
    """Fold case; padding spaces do not count (PS3.5 section 6.2)."""
    return unicodedata.normalize("NFC", text.strip().casefold())


def keyword_of(tag: int) -> str:
    """Keyword of a tag in PS3.6, or an empty text."""
    if tag in DICTIONARY:
        return DICTIONARY[tag][4]
    # Groups that repeat, group lengths, private tags; pydicom is no light import.
    from pydicom.datadict import keyword_for_tag  # noqa: PLC0415

    return keyword_for_tag(tag)
