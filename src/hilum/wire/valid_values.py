"""Leaving out of data sets what breaks its VR: such attributes count as absent on Azure's v2."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hilum.catalogue.search import DataSet
from hilum.dicom.grammar import first_problem
from hilum.dicom.person_names import name_problem

_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")


def valid_only(datasets: Sequence[DataSet]) -> Sequence[DataSet]:
    """The same data sets, as DICOM JSON, without elements in which a value breaks its VR.

    A sequence goes as a whole. UIDs stay: those that identify may have components that begin
    with 0.
    """
    return [
        {tag: element for tag, element in dataset.items() if _is_valid(element)}
        for dataset in datasets
    ]


def _is_valid(element: Mapping[str, Any]) -> bool:
    vr, values = element["vr"], element.get("Value")
    if not values or vr == "UI":
        return True
    if vr == "SQ":
        return all(_is_valid(each) for item in values for each in (item or {}).values())
    if vr == "PN":
        return not any(
            name_problem([name.get(group) or "" for group in _GROUPS]) for name in values if name
        )
    # Numbers are valid: what is none stands as a text.
    return first_problem(vr, [value for value in values if isinstance(value, str)]) is None
