"""Reading values out of a data set in DICOM JSON (PS3.18 Annex F), whatever it holds.

What is not what its attribute should be is treated as absent.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

JsonDataset: TypeAlias = Mapping[str, Any]


def as_written(text: bytes) -> JsonDataset:
    """Read the JSON text of one data set, numbers as the digits they are written with.

    Raises `ValueError` when it is damaged.
    """
    dataset: JsonDataset = json.loads(text, parse_float=str, parse_int=str)
    return dataset


def values(dataset: JsonDataset, tag: str) -> Sequence[Any]:
    """Return the values of an element; none when it is absent."""
    element = dataset.get(tag)
    found = element.get("Value") if isinstance(element, Mapping) else None
    return found if isinstance(found, list) else ()


def text(dataset: JsonDataset, tag: str) -> str:
    """Return the first value when it is a text, without surrounding spaces; else an empty one."""
    found = values(dataset, tag)
    return found[0].strip() if found and isinstance(found[0], str) else ""


def numbers(dataset: JsonDataset, tag: str) -> list[float]:
    """Return the values that are finite numbers, up to the first that is none."""
    found = []
    for value in values(dataset, tag):
        if isinstance(value, bool) or not isinstance(value, int | float):
            break
        try:
            number = float(value)
        except OverflowError:
            break
        if not math.isfinite(number):
            break
        found.append(number)
    return found


def number(dataset: JsonDataset, tag: str) -> float | None:
    """Return the first value when it is a finite number."""
    found = numbers(dataset, tag)
    return found[0] if found else None


def whole(dataset: JsonDataset, tag: str) -> int | None:
    """Return the first value when it is a whole number."""
    found = values(dataset, tag)
    is_whole = found and isinstance(found[0], int) and not isinstance(found[0], bool)
    return found[0] if is_whole else None


def item(dataset: JsonDataset, tag: str, at: int) -> JsonDataset | None:
    """Return one item of a sequence, counted from 0, as `items` does; None when there is none.

    Takes the same time for a sequence of a hundred thousand frames.
    """
    found = values(dataset, tag)
    if at >= len(found):
        return None
    return found[at] if isinstance(found[at], Mapping) else {}


def items(dataset: JsonDataset, tag: str) -> list[JsonDataset]:
    """Return the items of a sequence; an item that is no data set is an empty one."""
    return [each if isinstance(each, Mapping) else {} for each in values(dataset, tag)]
