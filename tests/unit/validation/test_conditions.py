"""Conditions of types 1C and 2C against levels of a data set."""

import pytest

from hilum.validation.conditions import Expression, is_met
from hilum.validation.levels import Element, Level

_FRAMES: dict[str, Element] = {"00280008": {"vr": "IS", "Value": [4]}}
_TYPE: dict[str, Element] = {"00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY"]}}
_EMPTY: dict[str, Element] = {"00080008": {"vr": "CS"}}


@pytest.mark.parametrize(
    ("expression", "elements", "expected"),
    [
        (["+", "00280008", 0, []], _FRAMES, True),
        (["-", "00280008", 0, []], _FRAMES, False),
        (["+", "00080008", 0, []], _EMPTY, True),
        (["++", "00080008", 0, []], _EMPTY, False),
        (["=", "00080008", 0, ["ORIGINAL", "MIXED"]], _TYPE, True),
        (["=", "00080008", 1, ["ORIGINAL"]], _TYPE, False),
        (["!=", "00080008", 0, ["DERIVED"]], _TYPE, True),
        (["!=", "00080008", 0, ["DERIVED"]], _FRAMES, False),
        (["=", "00080008", 5, ["DERIVED"]], _TYPE, False),
        (["=", "00280008", 0, ["4"]], _FRAMES, True),
        ([">", "00280008", 0, ["1"]], _FRAMES, True),
        (["<", "00280008", 0, ["1"]], _FRAMES, False),
        ([">", "00080008", 0, ["1"]], _TYPE, False),
        (["!0", "00280008", 0, []], _FRAMES, True),
        (["and", [["+", "00280008", 0, []], ["+", "00080008", 0, []]]], _FRAMES, False),
        (["or", [["+", "00280008", 0, []], ["+", "00080008", 0, []]]], _FRAMES, True),
    ],
)
def test_an_expression_is_met(
    expression: Expression, elements: dict[str, Element], *, expected: bool
) -> None:
    assert is_met(expression, Level(elements), frozenset()) is expected


def test_other_attributes_are_looked_for_around_an_item_but_its_own_are_not() -> None:
    item = Level({}, Level(dict(_FRAMES)))
    present: Expression = ["+", "00280008", 0, []]
    assert is_met(present, item, frozenset())
    assert not is_met(present, item, frozenset({"00280008"}))
