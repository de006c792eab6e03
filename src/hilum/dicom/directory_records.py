"""What directory records hold, by type (PS3.3 sections F.4 and F.5), as data."""

from typing import Final

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
"""Keys of the records of each level, from the top."""
LEVEL_NAMES: Final = {"PATIENT": "PT", "STUDY": "ST", "SERIES": "SE"}
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
    "VALUE MAP": _LABELLED,
    "STEREOMETRIC": (),
    "PLAN": (),
    "MEASUREMENT": _LABELLED,
    "SURFACE SCAN": ("ContentDate", "ContentTime"),
    "TRACT": _LABELLED,
    "ASSESSMENT": ("InstanceNumber", "InstanceCreationDate", "InstanceCreationTime"),
    "RADIOTHERAPY": ("InstanceNumber", "ContentDescription", "ContentCreatorName"),
}
"""Keys of the records that refer to files; a key that an instance lacks is written empty."""

CONDITIONAL_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "PRESENTATION": ("ReferencedSeriesSequence", "BlendingSequence"),
    "ENCAP DOC": ("HL7InstanceIdentifier",),
    "RADIOTHERAPY": ("UserContentLabel", "UserContentLongLabel"),
}
"""Keys that are written only where an instance has them."""
MODIFIED_TITLES: Final = frozenset({"SR DOCUMENT", "KEY OBJECT DOC"})
"""Records with the items of the Content Sequence that modify the title of the document."""

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
    "VALUE MAP": "VM",
    "STEREOMETRIC": "SM",
    "PLAN": "PL",
    "MEASUREMENT": "ME",
    "SURFACE SCAN": "SS",
    "TRACT": "TR",
    "ASSESSMENT": "AS",
    "RADIOTHERAPY": "RT",
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

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
_BY_SOP_CLASS: Final = {
    "481.2": "RT DOSE",
    "481.3": "RT STRUCTURE SET",
    "481.4": "RT TREAT RECORD",
    "481.5": "RT PLAN",
    "481.6": "RT TREAT RECORD",
    "481.7": "RT TREAT RECORD",
    "481.8": "RT PLAN",  # ion
    "481.9": "RT TREAT RECORD",
    **{f"481.{number}": "RADIOTHERAPY" for number in (*range(10, 23), 25)},  # 23, 24: images
    "131": "PRESENTATION",  # basic structured display
    "88.59": "KEY OBJECT DOC",
    "78.6": "SR DOCUMENT",  # spectacle prescription
    "79.1": "SR DOCUMENT",  # macular grid
    "4.2": "SPECTROSCOPY",
    "66": "RAW DATA",
    "66.1": "REGISTRATION",
    "66.3": "REGISTRATION",
    "66.2": "FIDUCIAL",
    "66.5": "SURFACE",
    "66.6": "TRACT",
    "67": "VALUE MAP",
    "77.1.5.3": "STEREOMETRIC",
    "68.1": "SURFACE SCAN",
    "68.2": "SURFACE SCAN",
    "80.1": "MEASUREMENT",  # static perimetry
    "90.1": "ASSESSMENT",
}
"""By what follows the root of the storage SOP classes (PS3.4 table B.5-1)."""
_BY_PREFIX: Final = (
    ("11.", "PRESENTATION"),
    ("9.", "WAVEFORM"),
    ("78.", "MEASUREMENT"),
    ("88.", "SR DOCUMENT"),
    ("104.", "ENCAP DOC"),
)
_DELIVERY_INSTRUCTIONS: Final = frozenset(
    {"1.2.840.10008.5.1.4.34.7", "1.2.840.10008.5.1.4.34.10"}  # RT beams, RT brachy
)


def leaf_type(sop_class_uid: str, *, has_pixels: bool) -> str | None:
    """The type of record that refers to an instance of this class; None when there is none."""
    if sop_class_uid in _DELIVERY_INSTRUCTIONS:
        return "PLAN"
    if sop_class_uid.startswith(_STORAGE):
        below = sop_class_uid.removeprefix(_STORAGE)
        known = _BY_SOP_CLASS.get(below)
        if known is not None:
            return known
        for prefix, kind in _BY_PREFIX:
            if below.startswith(prefix):
                return kind
    return "IMAGE" if has_pixels else None
