"""Which attributes a bulk update may change, and to what (Azure DICOM service, section 10)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

from hilum.dicom.charsets import charset_for
from hilum.dicom.dictionary import DICTIONARY, TAGS
from hilum.dicom.errors import tag_text
from hilum.dicom.grammar import first_problem
from hilum.dicom.mending.restating import Statement
from hilum.dicom.person_names import convert_person_names
from hilum.domain.errors import InvalidRequest

UPDATABLE: Final = frozenset(
    TAGS[keyword]
    for keyword in (
        "PatientName", "PatientID", "IssuerOfPatientID", "TypeOfPatientID", "PatientBirthDate",
        "PatientBirthTime", "PatientSex", "QualityControlSubject", "OtherPatientIDs",
        "OtherPatientNames", "PatientBirthName", "PatientAge", "PatientSize", "PatientWeight",
        "PatientAddress", "PatientMotherBirthName", "MilitaryRank", "BranchOfService",
        "MedicalRecordLocator", "CountryOfResidence", "RegionOfResidence",
        "PatientTelephoneNumbers", "EthnicGroup", "Occupation", "PatientReligiousPreference",
        "PatientSpeciesDescription", "PatientBreedDescription", "BreedRegistrationNumber",
        "ResponsiblePerson", "ResponsiblePersonRole", "ResponsibleOrganization",
        "PatientComments", "ConfidentialityConstraintOnPatientDataDescription",
        "AccessionNumber", "ReferringPhysicianName", "StudyDescription",
    )
)  # fmt: skip
"""36 attributes of the patient and the study, all of them text."""

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_UTF_8: Final = charset_for(b"ISO_IR 192")
_MOST_TOLD: Final = 100


class ChangesRefused(InvalidRequest):
    """Attributes that cannot be changed, or not to these values; `comments` has one line each."""

    code: ClassVar[str] = "changes-refused"
    title: ClassVar[str] = "These attributes cannot be changed so"

    def __init__(self, comments: Sequence[str]) -> None:
        self.comments = comments[:_MOST_TOLD]
        super().__init__(" ".join(self.comments))


class _Refused(Exception):
    """Why one attribute is refused."""


def parse_changes(dataset: Mapping[str, Any]) -> Sequence[Statement]:
    """Read a DICOM JSON data set (PS3.18 F.2) of what is to change. Raises `ChangesRefused`."""
    statements, comments = [], []
    for name, element in dataset.items():
        try:
            statements.append(_statement(name, element))
        except _Refused as refusal:
            where = tag_text(int(name, 16)) if _is_tag(name) else repr(name[:64])
            comments.append(f"{where} - {refusal}")
    if comments:
        raise ChangesRefused(comments)
    return sorted(statements)


def _is_tag(name: str) -> bool:
    return len(name) == 8 and all(letter in "0123456789abcdefABCDEF" for letter in name)


def _statement(name: str, element: object) -> Statement:
    if not _is_tag(name):
        raise _Refused("this is no tag: give 8 hexadecimal digits.")
    tag = int(name, 16)
    if tag not in UPDATABLE:
        raise _Refused("this attribute cannot be changed by a bulk update.")
    vr, multiplicity, *_ = DICTIONARY[tag]
    if not isinstance(element, dict):
        raise _Refused('an attribute is an object with "vr" and "Value".')
    if element.get("vr") != vr:
        raise _Refused(f'"vr" should be "{vr}".')
    if unknown := sorted(element.keys() - {"vr", "Value"}):
        raise _Refused(f"{unknown[0][:64]!r} has no meaning here.")
    values = element.get("Value")
    if not isinstance(values, list) or not values:
        raise _Refused("a value is required: what there is cannot be emptied.")
    if len(values) > 1 and multiplicity == "1":
        raise _Refused("this attribute has one value only.")
    return Statement(tag, vr, "\\".join(_texts(vr, values)))


def _texts(vr: str, values: Sequence[object]) -> Iterator[str]:
    for value in values:
        text = _text(vr, value)
        if not text.strip():
            raise _Refused("a value is required: what there is cannot be emptied.")
        if "\\" in text and vr != "LT":
            raise _Refused("a value cannot hold a backslash.")
        problem = first_problem(vr, [text])
        if vr == "PN":
            problem = convert_person_names(text.encode(), _UTF_8)[1]
        if problem is not None:
            raise _Refused(f"the value does not validate VR {vr}: {problem[1]}.")
        yield text


def _text(vr: str, value: object) -> str:
    if vr == "PN":
        return _name(value)
    if vr == "DS" and isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        raise _Refused(f"a value of VR {vr} is a text.")
    return _encodable(value)


def _name(value: object) -> str:
    if not isinstance(value, dict) or not value.keys() <= set(_GROUPS):
        raise _Refused(f"a name is an object with any of {', '.join(_GROUPS)}.")
    groups = [value.get(group, "") for group in _GROUPS]
    if not all(isinstance(group, str) and "=" not in group for group in groups):
        raise _Refused("the groups of a name are texts without an equals sign.")
    return _encodable("=".join(groups).rstrip("="))


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Refused("a value holds half a surrogate pair.") from None
    return text
