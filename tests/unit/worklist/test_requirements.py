"""The requirement table: every row of it breaks a data set that breaks it."""

import copy
from typing import Any

import pytest

from hilum.domain.errors import LimitExceeded
from hilum.domain.workitems import InvalidWorkitem, WorkitemState
from hilum.worklist.checking import demand_changeable, demand_creatable, missing_at_end
from hilum.worklist.datasets import WorkitemLimits, checked
from hilum.worklist.requirements import REQUIREMENTS, AtEnd, Need, Requirement
from tests.workitems import GIVEN_UP, PERFORMED, element, workitem

_LIMITS = WorkitemLimits()
_FILLED = {
    "00080016": element("UI", "1.2.840.10008.5.1.4.34.6.1"),
    "00080018": element("UI", "1.2.3"),
    "00404010": element("DT", "20240101"),
    "00741000": element("CS", "SCHEDULED"),
}


def _new() -> dict[str, Any]:
    return workitem() | copy.deepcopy(_FILLED)


def _holder(dataset: dict[str, Any], requirement: Requirement) -> dict[str, Any]:
    """The data set in which the attribute is."""
    if not requirement.within:
        return dataset
    assert requirement.within == "ReferencedRequestSequence"
    holder: dict[str, Any] = dataset["0040A370"]["Value"][0]
    return holder


_CREATED = [
    each
    for each in REQUIREMENTS
    if each.create in {Need.VALUE, Need.PRESENT, Need.EMPTY}
    and each.within in {"", "ReferencedRequestSequence"}
]


def test_the_data_set_of_these_tests_is_valid() -> None:
    demand_creatable(checked(_new(), _LIMITS))


@pytest.mark.parametrize("requirement", _CREATED, ids=lambda each: each.path)
def test_a_new_work_item_without_what_must_be_there_is_refused(requirement: Requirement) -> None:
    dataset = _new()
    del _holder(dataset, requirement)[requirement.tag]

    with pytest.raises(InvalidWorkitem, match=requirement.tag):
        demand_creatable(dataset)


@pytest.mark.parametrize(
    "requirement", [each for each in _CREATED if each.create is Need.VALUE], ids=lambda e: e.path
)
def test_a_new_work_item_with_nothing_where_a_value_must_be_is_refused(
    requirement: Requirement,
) -> None:
    dataset = _new()
    _holder(dataset, requirement)[requirement.tag].pop("Value")

    with pytest.raises(InvalidWorkitem, match="must have a value"):
        demand_creatable(dataset)


def test_all_that_is_wrong_with_a_new_work_item_is_told_at_once() -> None:
    with pytest.raises(InvalidWorkitem) as told:
        demand_creatable({})

    assert [
        each.tag for each in _CREATED if not each.within and each.tag not in str(told.value)
    ] == []


@pytest.mark.parametrize("tag", ["00081195", "00741002", "00741216"])
def test_what_its_performer_will_say_is_empty_at_first(tag: str) -> None:
    filled = element("UI", "1.2") if tag == "00081195" else element("SQ", {})

    with pytest.raises(InvalidWorkitem, match="be empty"):
        demand_creatable(_new() | {tag: filled})


def test_what_is_optional_has_a_value_where_it_is_there() -> None:
    demand_creatable(_new() | {"00102000": element("LO", "latex")})

    with pytest.raises(InvalidWorkitem, match="MedicalAlerts"):
        demand_creatable(_new() | {"00102000": element("LO")})


_FIXED = [each for each in REQUIREMENTS if not each.within and not each.change]


@pytest.mark.parametrize("requirement", _FIXED, ids=lambda each: each.path)
def test_what_is_fixed_is_not_updated(requirement: Requirement) -> None:
    with pytest.raises(InvalidWorkitem, match=requirement.keyword):
        demand_changeable({requirement.tag: element("LO", "x")})


def test_everything_else_may_be_updated() -> None:
    free = [each for each in REQUIREMENTS if not each.within and each.change]

    demand_changeable({each.tag: element("LO", "x") for each in free} | PERFORMED)


def test_output_information_is_told_of_what_was_performed() -> None:
    performed = copy.deepcopy(PERFORMED)
    demand_changeable(performed)
    output = performed["00741216"]["Value"][0]["00404033"]["Value"][0]
    del output["0040E020"]

    with pytest.raises(InvalidWorkitem, match="TypeOfInstances"):
        demand_changeable(performed)
    del performed["00741216"]["Value"][0]["00404033"]
    with pytest.raises(InvalidWorkitem, match="OutputInformationSequence"):
        demand_changeable(performed)


@pytest.mark.parametrize(
    ("state", "wanted", "added"),
    [
        (WorkitemState.COMPLETED, {AtEnd.ENDED, AtEnd.COMPLETED}, PERFORMED),
        (WorkitemState.CANCELED, {AtEnd.ENDED, AtEnd.CANCELED}, GIVEN_UP),
    ],
)
def test_each_final_state_names_all_that_is_missing(
    state: WorkitemState, wanted: set[AtEnd], added: dict[str, Any]
) -> None:
    assert missing_at_end(_new() | added, state) == []
    assert set(missing_at_end({}, state)) == {
        each.path for each in REQUIREMENTS if each.final in wanted
    }


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ([], "an object"),
        ({"PatientName": element("PN")}, "8 hexadecimal digits"),
        ({"00100010": "Doe"}, "vr and Value"),
        ({"00100010": {"Value": []}}, "its vr is missing"),
        ({"00100010": element("LO", "Doe")}, "its vr is PN"),
        ({"00100010": element("PN", "Doe")}, "Alphabetic"),
        ({"00100010": {"vr": "PN", "Value": {}}}, "a list"),
        ({"00404005": element("DT", "17 May")}, "YYYYMMDD"),
        ({"0020000D": element("UI", "1.x")}, "not a UID"),
        ({"00741200": element("CS", "URGENT")}, "HIGH, LOW, MEDIUM"),
        ({"00101030": element("DS", [])}, "a number"),
        ({"00404018": element("SQ", {"00080100": element("SH", "A")})}, "CodeMeaning"),
        ({"0010001f": element("LO"), "0010001F": element("LO")}, "twice"),
    ],
)
def test_what_is_no_data_set_is_refused_without_repeating_a_value(
    dataset: object, said: str
) -> None:
    with pytest.raises(InvalidWorkitem, match=said) as caught:
        checked(dataset, _LIMITS)
    assert "Doe" not in str(caught.value)


def test_a_data_set_may_not_be_too_deep_nor_too_large() -> None:
    deep: dict[str, Any] = {}
    for _ in range(4):
        deep = {"00741210": element("SQ", deep)}

    checked(deep, WorkitemLimits(nesting=4))
    with pytest.raises(LimitExceeded, match=r"worklist\.nesting"):
        checked(deep, WorkitemLimits(nesting=3))
    with pytest.raises(LimitExceeded, match=r"worklist\.elements"):
        checked(deep, WorkitemLimits(elements=3))
