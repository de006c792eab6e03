"""Values of a data set in the words a person reads."""

import re
from collections.abc import Mapping
from typing import Final

from hilum.dicom.dictionary import UID_NAMES
from hilum.dicom.json_values import JsonDataset, items, text, values

_DATE: Final = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_TIME: Final = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(\.\d{1,6})?)?)?", re.ASCII)
_DATE_TIME: Final = re.compile(
    r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?([+-]\d{4})?", re.ASCII
)


def date_of(written: str) -> str:
    """A date (DA) as 2001-02-13; what is none stays as it is."""
    found = _DATE.fullmatch(written)
    return "-".join(found.groups()) if found else written


def time_of(written: str) -> str:
    """A time (TM) as 18:47:46; what is none stays as it is."""
    found = _TIME.fullmatch(written)
    if found is None:
        return written
    hours, minutes, seconds, fraction = found.groups()
    return ":".join(part for part in (hours, minutes, seconds) if part) + (fraction or "")


def date_time_of(written: str) -> str:
    """A date with time (DT); what is none stays as it is."""
    found = _DATE_TIME.fullmatch(written)
    if found is None:
        return written
    day, time, offset = found.groups()
    return " ".join(part for part in (date_of(day), time_of(time or ""), offset) if part)


def name_of(dataset: JsonDataset, tag: str) -> str:
    """A person's name (PN) in the order it is spoken; each way of writing it."""
    found = values(dataset, tag)
    if not found or not isinstance(found[0], Mapping):
        return ""
    forms = (found[0].get(form) for form in ("Alphabetic", "Ideographic", "Phonetic"))
    return " = ".join(_spoken(form) for form in forms if isinstance(form, str) and form)


def _spoken(form: str) -> str:
    family, given, middle, prefix, suffix = (*form.split("^", 4), "", "", "", "", "")[:5]
    spoken = " ".join(part for part in (prefix, given, middle, family) if part)
    return f"{spoken}, {suffix}" if suffix else spoken


def text_of(dataset: JsonDataset, tag: str) -> str:
    """All values of an element as one text."""
    return ", ".join(str(value) for value in values(dataset, tag) if _is_plain(value))


def texts_of(dataset: JsonDataset, tag: str) -> list[str]:
    """Each value of an element as a text."""
    return [str(value) for value in values(dataset, tag) if _is_plain(value)]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def code_of(dataset: JsonDataset, tag: str) -> str:
    """The first code of a sequence (PS3.3 8.8), as `Meaning (value, scheme)`; "" for none."""
    found = items(dataset, tag)
    return _code(found[0]) if found else ""


def meaning_of(dataset: JsonDataset, tag: str) -> str:
    """The meaning of the first code of a sequence; its value when it has none."""
    found = items(dataset, tag)
    if not found:
        return ""
    return text(found[0], "00080104") or _code_value(found[0])


def unit_of(dataset: JsonDataset, tag: str) -> str:
    """The unit of a number: as UCUM writes it, or value and meaning of its code."""
    found = items(dataset, tag)
    if not found:
        return ""
    value, meaning = _code_value(found[0]), text(found[0], "00080104")
    if text(found[0], "00080102") == "UCUM":
        return "" if value == "1" else value or meaning
    return f"{value} ({meaning})" if value and meaning and value != meaning else value or meaning


def _code(code: JsonDataset) -> str:
    meaning, value = text(code, "00080104"), _code_value(code)
    scheme, version = text(code, "00080102"), text(code, "00080103")
    if version:
        scheme = f"{scheme} {version}"
    behind = ", ".join(part for part in (value, scheme) if part)
    return f"{meaning} ({behind})" if meaning and behind else meaning or behind


def _code_value(code: JsonDataset) -> str:
    """CodeValue, LongCodeValue or URNCodeValue."""
    return text(code, "00080100") or text(code, "00080119") or text(code, "00080120")


def uid_name(uid: str) -> str:
    """What PS3.6 calls a UID; the UID itself when it calls it nothing."""
    return UID_NAMES.get(uid, uid)
