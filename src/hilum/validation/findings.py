"""What deep validation says: stable codes, and where in which instance something is wrong."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from hilum.dicom.dictionary import DICTIONARY
from hilum.dicom.elements import ElementPath
from hilum.domain.findings import Severity

__all__ = [
    "CODES",
    "MOST_PLACES",
    "NOT_UNDERSTOOD",
    "Code",
    "Finding",
    "Findings",
    "Severity",
    "keyword_of",
    "mend_of",
]


class Finding(NamedTuple):
    """One thing that is wrong.

    No field holds a value that could tell of a patient: coded strings and numbers of attributes
    that describe images are shown, of all others only lengths and kinds.
    """

    code: str
    severity: Severity
    path: ElementPath | None
    """None when the whole file or study is meant."""
    expected: str
    found: str
    section: str
    """Where the standard says so, such as `PS3.3 C.7.6.3`."""

    @property
    def where(self) -> str:
        """`(0008,1140)[0](0008,1155) ReferencedSOPInstanceUID`, or nothing."""
        if self.path is None:
            return ""
        keyword = keyword_of(self.path.tag)
        return f"{self.path} {keyword}" if keyword else str(self.path)


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding."""

    severity: Severity
    """Unless the profile says otherwise."""
    meaning: str
    mend: str


def _codes(severity: Severity, **codes: tuple[str, str]) -> dict[str, Code]:
    return {name.replace("_", "-"): Code(severity, *texts) for name, texts in codes.items()}


_RESEND: Final = "Send the file again from its source."
_SENDER: Final = "Have the sender write it as expected."

CODES: Final[Mapping[str, Code]] = {
    **_codes(
        Severity.ERROR,
        not_dicom=("The file is no DICOM file.", _RESEND),
        truncated_instance=("The file ends before what it announces.", _RESEND),
        malformed_element=("An element makes what follows unreadable.", _RESEND),
        damaged_deflate=("The deflated data set cannot be inflated.", _RESEND),
        limit_exceeded=("The header is larger than the limits allow.", "Raise the limit it names."),
        file_unreadable=("The file cannot be read.", "Look at its rights and its disk."),
        meta_missing=("There is no preamble or no file meta information.", "Write a Part 10 file."),
        meta_attribute_missing=("An element of the file meta information is missing.", _SENDER),
        meta_value_invalid=("An element of the file meta information has a wrong value.", _SENDER),
        meta_mismatch=("File meta information and data set name different UIDs.", _SENDER),
        transfer_syntax_mismatch=("The data set is not encoded in its transfer syntax.", _SENDER),
        attribute_missing=("A required attribute is absent.", "Add it; type 2 may be empty."),
        value_missing=("An attribute that must have a value is empty.", "Fill it."),
        value_length=("A value is longer or shorter than its VR allows.", _SENDER),
        value_characters=("A value has characters that its VR does not allow.", _SENDER),
        value_format=("A value has not the form of its VR.", _SENDER),
        value_size=("The length of a binary value is no multiple of its VR's.", _SENDER),
        value_not_enumerated=("A value is none of the enumerated values.", "Use one of them."),
        value_out_of_range=("A value cannot be in this place.", _SENDER),
        multiplicity=("An attribute has more or fewer values than allowed.", _SENDER),
        items_number=("A sequence has more or fewer items than allowed.", _SENDER),
        vr_mismatch=("An element is written with another VR than PS3.6 has for it.", _SENDER),
        charset=("Text cannot be decoded by the character set that is declared.",
                 "Declare the character set that the text is in."),
        encoding=("An element is not encoded as PS3.5 says.", _SENDER),
        duplicate=("An element stands twice in its data set.", "Remove one of them."),
        uid_reused=("Two UIDs that name different things are the same.", "Make new UIDs."),
        pixel_length=("The pixel data is not as long as its description says.", _RESEND),
        pixel_description=("Attributes that describe the pixel data contradict it.", _SENDER),
        encapsulation=("Fragments or offset table of encapsulated pixel data are broken.", _RESEND),
        frames_number=("The number of frames contradicts what is there.", _SENDER),
        functional_group_missing=("A functional group is in no place where it must be.", _SENDER),
        functional_group_twice=("A functional group is shared and per frame at once.", _SENDER),
        private_block=("A private element has no private creator, or a wrong one.", _SENDER),
        sop_instance_twice=("Two instances have the same SOP Instance UID.", "Make new UIDs."),
        reference_unlisted=("Content refers to an instance that is not listed as evidence.",
                            "List every instance that the report refers to."),
        study_patient_differs=("The instances of a study name several patients.",
                               "Find out whose study it is; reconcile the others."),
        series_differs=("What must be one in a series is not.", "Make a series of each."),
        required_attribute=("An attribute that the profile requires is absent or empty.",
                            "Have the sender fill it."),
        frame_undecodable=("A frame of the pixel data cannot be decoded.", _RESEND),
        frame_size_differs=("A frame decodes to another image than the data set describes.",
                            _SENDER),
    ),
    **_codes(
        Severity.WARNING,
        value_not_defined=("A value is none of the defined terms.",
                           "Use one of them, or document the term."),
        attribute_perhaps_missing=(
            "An attribute is absent, and nothing tells that it is not required.",
            "Add it: empty where the value is unknown."),
        attribute_not_allowed=("An attribute is there though its condition is not met.",
                               "Remove it, or mend what the condition names."),
        charset_undeclared=("Text is not ASCII and no character set is declared.",
                            "Declare the character set."),
        charset_doubtful=("Text reads as UTF-8 though another character set is declared.",
                          "Declare ISO_IR 192, if it is meant."),
        sop_class_unknown=("There are no tables for this SOP class: its modules are not looked at.",
                           "Nothing, if the class is private or new."),
        study_patient_unclear=(
            "Some instances of a study have no Patient ID, or spell the name another way.",
            "Find out whether they are of the same patient, and fill in what is missing."),
        positions_equal=("Several images of a series have one position.",
                         "Look whether they are one acquisition."),
        slices_missing=("The distance between slices is not even: images may be missing.",
                        "Send the series again."),
        instance_numbers_equal=("Several images of a series have one number.", "Number them."),
        frame_too_costly=("Decoding a frame takes more memory or time than is allowed.",
                          "Raise the limit it names, or look at the frame elsewhere."),
        frame_of_reference_differs=("Images of a series have several frames of reference.",
                                    "Make a series of each."),
    ),
    **_codes(
        Severity.INFO,
        attribute_retired=("The attribute is retired.", "Nothing; new devices should not use it."),
        frame_not_judged=("There is no decoder for the transfer syntax: frames are not decoded.",
                          "Nothing; look at the image in a viewer that can."),
        vr_unknown=("The VR of a known attribute is UN.", "Nothing; readers look it up."),
    ),
}  # fmt: skip


NOT_UNDERSTOOD: Final = frozenset(
    {"not-dicom", "truncated-instance", "malformed-element", "damaged-deflate", "limit-exceeded",
     "file-unreadable", "meta-missing", "transfer-syntax-mismatch", "value-size", "charset",
     "encoding", "duplicate", "pixel-length", "pixel-description", "encapsulation",
     "frames-number", "frame-undecodable", "frame-size-differs"}
)  # fmt: skip
"""Codes that say that elements cannot be read, rather than that they break the rules of the SOP
class (PS3.4 table B.2-1: Cxxx against A9xx)."""

MOST_PLACES: Final = 100
"""Places in one instance that are told of one code and attribute: a thousand items that all lack
the same say no more than the first hundred."""


class Findings:
    """Collects findings, each code and place once, at most `MOST_PLACES` of a kind."""

    __slots__ = ("_counts", "_known", "rows")

    def __init__(self) -> None:
        self.rows: list[Finding] = []
        self._known: set[tuple[str, ElementPath | None]] = set()
        self._counts: Counter[tuple[str, int]] = Counter()

    def add(
        self,
        code: str,
        path: ElementPath | None,
        *,
        expected: str = "",
        found: str = "",
        section: str = "",
    ) -> None:
        kind = (code, 0 if path is None else path.tag)
        if (code, path) not in self._known and self._counts[kind] < MOST_PLACES:
            self._known.add((code, path))
            self._counts[kind] += 1
            self.rows.append(Finding(code, CODES[code].severity, path, expected, found, section))


def keyword_of(tag: int) -> str:
    """The keyword of PS3.6, or nothing."""
    entry = DICTIONARY.get(tag)
    return entry[4] if entry else ""


def mend_of(code: str) -> str:
    """What to do about a finding of this code; nothing for a code that is not ours."""
    known = CODES.get(code)
    return "" if known is None else known.mend
