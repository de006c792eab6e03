"""Times of any precision and offset, and the values that are searched for."""

import pytest

from hilum.worklist.matching import moment, values_of
from tests.workitems import element, workitem


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "20240101000000.000000", "20241231235959.999999"),
        ("202402", "20240201000000.000000", "20240229235959.999999"),
        ("20240229", "20240229000000.000000", "20240229235959.999999"),
        ("2024022923", "20240229230000.000000", "20240229235959.999999"),
        ("202402292358", "20240229235800.000000", "20240229235859.999999"),
        ("20240229235930", "20240229235930.000000", "20240229235930.999999"),
        ("20240229235930.5", "20240229235930.500000", "20240229235930.500000"),
        ("20240301003000.0+0100", "20240229233000.000000", "20240229233000.000000"),
        ("20240229233000.0-0130", "20240301010000.000000", "20240301010000.000000"),
        ("0001", "00010101000000.000000", "00011231235959.999999"),
        ("99991231", "99991231000000.000000", "99991231235959.999999"),
    ],
)
def test_a_time_is_the_span_that_it_means(text: str, first: str, last: str) -> None:
    assert moment(text, last=False) == first
    assert moment(text, last=True) == last


@pytest.mark.parametrize("text", ["", "24", "20240230", "2024+01", "0001+1400", "20241301", "x"])
def test_what_is_no_time_has_none(text: str) -> None:
    assert moment(text, last=False) is None


def test_values_are_folded_and_each_is_told_once() -> None:
    item = {"00080100": element("SH", "Code ")}
    found = values_of(workitem(x00404025=element("SQ", item, item)))

    assert ("00100010", "doe jane") in found
    assert ("0040A370.00080050", "acc-1") in found
    assert ("00404005", "20240517093000.000000") in found
    assert [value for path, value in found if path == "00404025.00080100"] == ["code"]
