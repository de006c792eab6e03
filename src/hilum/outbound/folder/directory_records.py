"""What directory records hold, by type (PS3.3 sections F.4 and F.5), as data."""

from typing import Final

from pydicom import uid

KEYS: Final = {
    "PATIENT": ("PatientName", "PatientID"),
    "STUDY": (
        "StudyDate",
        "StudyTime",
        "StudyDescription",
        "StudyInstanceUID",
        "StudyID",
        "AccessionNumber",
    ),
    "SERIES": ("Modality", "SeriesInstanceUID", "SeriesNumber"),
}
_CONTENT: Final = ("ContentDate", "ContentTime", "InstanceNumber")
_LABELLED: Final = (*_CONTENT, "ContentLabel", "ContentDescription", "ContentCreatorName")

LEAF_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "IMAGE": ("InstanceNumber",),
    "RT DOSE": ("InstanceNumber", "DoseSummationType"),
    "RT STRUCTURE SET": (
        "InstanceNumber",
        "StructureSetLabel",
        "StructureSetDate",
        "StructureSetTime",
    ),
    "RT PLAN": ("InstanceNumber", "RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    "RT TREAT RECORD": ("InstanceNumber", "TreatmentDate", "TreatmentTime"),
    "PRESENTATION": (
        "PresentationCreationDate",
        "PresentationCreationTime",
        "InstanceNumber",
        "ContentLabel",
        "ContentDescription",
        "ContentCreatorName",
        "ReferencedSeriesSequence",
    ),
    "WAVEFORM": _CONTENT,
    "SR DOCUMENT": (
        *_CONTENT,
        "CompletionFlag",
        "VerificationFlag",
        "ConceptNameCodeSequence",
    ),
    "KEY OBJECT DOC": (*_CONTENT, "ConceptNameCodeSequence"),
    "SPECTROSCOPY": (
        *_CONTENT,
        "ImageType",
        "NumberOfFrames",
        "Rows",
        "Columns",
        "DataPointRows",
        "DataPointColumns",
    ),
    "RAW DATA": _CONTENT,
    "REGISTRATION": _LABELLED,
    "FIDUCIAL": _LABELLED,
    "SURFACE": _LABELLED,
    "ENCAP DOC": (
        *_CONTENT,
        "DocumentTitle",
        "ConceptNameCodeSequence",
        "MIMETypeOfEncapsulatedDocument",
    ),
}
"""Keys of the records that refer to files; a key that an instance lacks is written empty."""

LEAF_NAMES: Final = {
    "IMAGE": "IM",
    "RT DOSE": "RD",
    "RT STRUCTURE SET": "RS",
    "RT PLAN": "RP",
    "RT TREAT RECORD": "RX",
    "PRESENTATION": "PR",
    "WAVEFORM": "WV",
    "SR DOCUMENT": "SR",
    "KEY OBJECT DOC": "KO",
    "SPECTROSCOPY": "SP",
    "RAW DATA": "RW",
    "REGISTRATION": "RE",
    "FIDUCIAL": "FI",
    "SURFACE": "SU",
    "ENCAP DOC": "ED",
}
"""How file names of each type begin."""

INVENTED: Final = {
    "PatientID": "UNKNOWN",
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "1",
    "Modality": "OT",
    "SeriesNumber": "1",
}
"""Type 1 keys of directory records that real instances lack; only the DICOMDIR is told so."""

_BY_SOP_CLASS: Final = {
    uid.RTDoseStorage: "RT DOSE",
    uid.RTStructureSetStorage: "RT STRUCTURE SET",
    uid.RTPlanStorage: "RT PLAN",
    uid.RTIonPlanStorage: "RT PLAN",
    uid.RTBeamsTreatmentRecordStorage: "RT TREAT RECORD",
    uid.RTIonBeamsTreatmentRecordStorage: "RT TREAT RECORD",
    uid.RTBrachyTreatmentRecordStorage: "RT TREAT RECORD",
    uid.RTTreatmentSummaryRecordStorage: "RT TREAT RECORD",
    uid.KeyObjectSelectionDocumentStorage: "KEY OBJECT DOC",
    uid.MRSpectroscopyStorage: "SPECTROSCOPY",
    uid.RawDataStorage: "RAW DATA",
    uid.SpatialRegistrationStorage: "REGISTRATION",
    uid.DeformableSpatialRegistrationStorage: "REGISTRATION",
    uid.SpatialFiducialsStorage: "FIDUCIAL",
    uid.SurfaceSegmentationStorage: "SURFACE",
}
_BY_PREFIX: Final = (
    ("1.2.840.10008.5.1.4.1.1.11.", "PRESENTATION"),  # presentation states
    ("1.2.840.10008.5.1.4.1.1.9.", "WAVEFORM"),
    ("1.2.840.10008.5.1.4.1.1.88.", "SR DOCUMENT"),
    ("1.2.840.10008.5.1.4.1.1.104.", "ENCAP DOC"),
)


def leaf_type(sop_class_uid: str, *, has_pixels: bool) -> str | None:
    """The type of record that refers to an instance of this class; None when there is none."""
    known = _BY_SOP_CLASS.get(uid.UID(sop_class_uid))
    if known is not None:
        return known
    for prefix, kind in _BY_PREFIX:
        if sop_class_uid.startswith(prefix):
            return kind
    return "IMAGE" if has_pixels else None


def needed_keywords() -> list[str]:
    """Every attribute that some record is made of."""
    keywords = {"SpecificCharacterSet", "Rows"}
    for keys in (*KEYS.values(), *LEAF_KEYS.values()):
        keywords.update(keys)
    return sorted(keywords)
