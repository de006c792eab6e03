"""The groups of `metadata.json`: which attribute stands under which name."""

from collections.abc import Mapping
from typing import Final

from hilum.dicom.dictionary import TAGS
from hilum.dicom.json_values import JsonDataset, values

Fields = Mapping[str, Mapping[str, str]]
"""By group and name: the tag as eight hexadecimal digits, as keys of DICOM JSON are."""

_GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "patient_info": {
        "patient_id": "PatientID",
        "patient_name": "PatientName",
        "patient_birth_date": "PatientBirthDate",
        "patient_sex": "PatientSex",
        "patient_age": "PatientAge",
    },
    "study_info": {
        "study_instance_uid": "StudyInstanceUID",
        "study_date": "StudyDate",
        "study_time": "StudyTime",
        "study_description": "StudyDescription",
        "accession_number": "AccessionNumber",
        "study_id": "StudyID",
    },
    "modality_info": {
        "modality": "Modality",
        "manufacturer": "Manufacturer",
        "manufacturer_model_name": "ManufacturerModelName",
        "station_name": "StationName",
    },
    "exposure_info": {
        "exposure_time": "ExposureTime",
        "exposure": "Exposure",
        "kvp": "KVP",
        "repetition_time": "RepetitionTime",
        "echo_time": "EchoTime",
    },
    "location_info": {
        "institution_name": "InstitutionName",
        "institution_address": "InstitutionAddress",
        "institutional_department_name": "InstitutionalDepartmentName",
        "performing_physician_name": "PerformingPhysicianName",
        "reading_physician_name": "NameOfPhysiciansReadingStudy",
    },
}
ADDITIONAL: Final = "additional_info"
"""Group of names that are in no other group."""
_TAKEN: Final = frozenset(
    {
        "study_id", "processing_time", "validation_details",
        "partition", "single_file", "instances",
    }
)  # fmt: skip
_READABLE: Final = "patient_name_readable"
_TAG_DIGITS: Final = 8


def chosen_fields(mappings: Mapping[str, str]) -> Fields:
    """The standard groups with changes.

    A key is `group.name`, or a name alone: that of a standard field is found in its group, any
    other joins `additional_info`. A value is a keyword or a tag (`00100020`, `(0010,0020)`); an
    empty one leaves the field out. Where the key is an attribute and the value is not, it is read
    the other way round (`PatientID = "patient_id"`). Raises `ValueError`, which names the key and
    what is wrong.
    """
    fields = {
        group: {name: _tag(keyword, name) for name, keyword in names.items()}
        for group, names in _GROUPS.items()
    }
    for key, attribute in map(_name_first, mappings.items()):
        group, name = _place_of(key)
        if group in _TAKEN:
            message = f"{key}: {group!r} has another meaning in metadata.json"
            raise ValueError(message)
        if not attribute.strip():
            fields.get(group, {}).pop(name, None)
        else:
            fields.setdefault(group, {})[name] = _tag(attribute, key)
    return fields


def described(dataset: JsonDataset, fields: Fields) -> dict[str, dict[str, object]]:
    """The groups with the values of a data set in DICOM JSON; null where it has none."""
    groups = {
        group: {name: _value(dataset, tag) for name, tag in names.items()}
        for group, names in fields.items()
    }
    patient = groups["patient_info"]
    if isinstance(name := patient.get("patient_name"), str):
        patient[_READABLE] = _readable(name)
    return groups


def _name_first(mapping: tuple[str, str]) -> tuple[str, str]:
    first, second = mapping
    turned = _is_attribute(first) and second.strip() and not _is_attribute(second)
    return (second, first) if turned else mapping


def _is_attribute(text: str) -> bool:
    return text.strip() in TAGS or _digits(text) is not None


def _digits(text: str) -> str | None:
    """The digits of a tag in any of its forms; None when it is none."""
    digits = text.strip().strip("()").replace(",", "").upper()
    is_tag = len(digits) == _TAG_DIGITS and not set(digits) - set("0123456789ABCDEF")
    return digits if is_tag else None


def _place_of(key: str) -> tuple[str, str]:
    group, dot, name = key.strip().rpartition(".")
    if not name or (dot and not group):
        message = f"{key!r}: name a field, as `patient_info.issuer` or `issuer`"
        raise ValueError(message)
    if group:
        return group, name
    return next((each for each, names in _GROUPS.items() if name in names), ADDITIONAL), name


def _tag(attribute: str, key: str) -> str:
    text = attribute.strip()
    if text in TAGS:
        return f"{TAGS[text]:08X}"
    if (digits := _digits(text)) is not None:
        return digits
    message = f"{key}: {attribute!r} is no keyword of PS3.6 and no tag such as (0010,0020)"
    raise ValueError(message)


def _value(dataset: JsonDataset, tag: str) -> object:
    """One value as it is, several as a list, items of sequences and bulk data left out."""
    found = [_plain(value) for value in values(dataset, tag)]
    if not found or all(value is None for value in found):
        return None
    return found[0] if len(found) == 1 else found


def _plain(value: object) -> object:
    if not isinstance(value, Mapping):
        return value.strip() if isinstance(value, str) else value
    forms = [value.get(form, "") for form in ("Alphabetic", "Ideographic", "Phonetic")]
    if not all(isinstance(form, str) for form in forms):
        return None  # an item of a sequence
    return "=".join(forms).rstrip("=") or None


def _readable(name: str) -> str:
    """The first form of a person name (PS3.5 6.2.1): prefix, given, middle, family name, suffix."""
    form = next((each for each in name.split("=") if each), "")
    family, given, middle, prefix, suffix = (*form.split("^"), "", "", "", "", "")[:5]
    said = " ".join(part for part in (prefix, given, middle, family) if part.strip())
    return f"{said}, {suffix}" if suffix.strip() else said


STANDARD: Final = chosen_fields({})
"""The groups as they are when nothing else is asked for."""
