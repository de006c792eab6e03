"""Lines that can be written on a picture: who, and how it was taken (PS3.18 8.3.5.1.1)."""

from collections.abc import Mapping
from typing import Final

from hilum.dicom.json_values import JsonDataset, number, text, values
from hilum.domain.presentation import Captions

_MOST_CHARACTERS: Final = 64
_TECHNIQUE: Final = (
    ("00180060", "kV"),
    ("00181151", "mA"),
    ("00181152", "mAs"),
    ("00181150", "ms exposure"),
    ("00180050", "mm slice"),
    ("00180080", "ms TR"),
    ("00180081", "ms TE"),
    ("00181314", "° flip"),
    ("00180087", "T"),
)
_TEXTS: Final = ("00080060", "0008103E", "00180015")
"""Modality, SeriesDescription, BodyPartExamined."""


def captions(dataset: JsonDataset) -> Captions:
    """Read the lines of a data set; what is missing has none."""
    born, sex = text(dataset, "00100030"), text(dataset, "00100040")
    patient = (
        _name(dataset),
        text(dataset, "00100020"),
        " ".join(part for part in (_date(born), sex) if part),
        _date(text(dataset, "00080020")),
    )
    described = [text(dataset, tag) for tag in _TEXTS]
    measured = [
        f"{value:g} {unit}"
        for tag, unit in _TECHNIQUE
        if (value := number(dataset, tag)) is not None
    ]
    return Captions(_lines(patient), _lines((*described, *measured)))


def _lines(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(shown[:_MOST_CHARACTERS] for line in lines if (shown := _printable(line)))


def _printable(line: str) -> str:
    return line if line.isprintable() else "".join(filter(str.isprintable, line))


def _name(dataset: JsonDataset) -> str:
    """The first form of PatientName there is, its components parted by spaces."""
    found = values(dataset, "00100010")
    if not found or not isinstance(found[0], Mapping):
        return ""
    forms = (found[0].get(form) for form in ("Alphabetic", "Ideographic", "Phonetic"))
    name = next((form for form in forms if isinstance(form, str) and form), "")
    return " ".join(part for part in name.split("^") if part)


def _date(text: str) -> str:
    is_date = len(text) == 8 and text.isdigit()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if is_date else text
