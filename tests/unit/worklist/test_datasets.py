"""What is taken for a data set in DICOM JSON."""

import pytest

from hilum.domain.errors import LimitExceeded
from hilum.domain.workitems import InvalidWorkitem
from hilum.worklist.datasets import WorkitemLimits, checked

_LIMITS = WorkitemLimits(elements=4)


@pytest.mark.parametrize(
    "element",
    [
        {"vr": "OB", "InlineBinary": {"deep": [{"er": 1}]}},
        {"vr": "OB", "BulkDataURI": 5},
        {"vr": "US", "Value": ["many"]},
        {"vr": "IS", "Value": ["1_0"]},
        {"vr": "DS", "Value": [True]},
    ],
)
def test_what_is_no_value_is_refused_without_being_repeated(element: object) -> None:
    with pytest.raises(InvalidWorkitem, match="00091001 is not valid") as told:
        checked({"00091001": element}, _LIMITS)

    assert "many" not in str(told.value)


@pytest.mark.parametrize(
    "element",
    [
        {"vr": "OB", "InlineBinary": "AAAA"},
        {"vr": "OB", "BulkDataURI": "https://example.org/1"},
        {"vr": "DS", "Value": ["1.5e3", 2, None, ""]},
    ],
)
def test_what_is_a_value_stays_as_it_is(element: object) -> None:
    assert checked({"00091001": element}, _LIMITS) == {"00091001": element}


@pytest.mark.parametrize(
    ("vr", "value"), [("LO", "a"), ("SQ", {})], ids=["of one element", "items without elements"]
)
def test_values_count_as_elements_do(vr: str, value: object) -> None:
    checked({"00091001": {"vr": vr, "Value": [value] * 4}}, _LIMITS)

    with pytest.raises(LimitExceeded, match=r"worklist\.elements"):
        checked({"00091001": {"vr": vr, "Value": [value] * 5}}, _LIMITS)


def test_a_transaction_uid_hides_in_no_item() -> None:
    lock = {"00081195": {"vr": "UI", "Value": ["1.2"]}}
    checked(lock, _LIMITS)

    with pytest.raises(InvalidWorkitem, match=r"00091001\.TransactionUID"):
        checked({"00091001": {"vr": "SQ", "Value": [lock]}}, _LIMITS)
