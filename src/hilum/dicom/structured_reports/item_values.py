"""The value of a content item in words, by its value type (PS3.3 table C.17.3-7)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from hilum.dicom.json_values import JsonDataset, items, text, values
from hilum.dicom.structured_reports.wording import (
    code_of,
    date_of,
    date_time_of,
    name_of,
    text_of,
    texts_of,
    time_of,
    uid_name,
    unit_of,
)

_MOST_COORDINATES: Final = 64
"""Numbers of a graphic that are written out; people read shapes, not lists."""
_COORDINATE_DIGITS: Final = "{:.6g}"


def item_value(dataset: JsonDataset, value_type: str) -> str:
    """Return the value in words; "" when there is none, or the value type is not known."""
    read = _READERS.get(value_type)
    return read(dataset).rstrip() if read is not None else ""


def _number(dataset: JsonDataset) -> str:
    measured = items(dataset, "0040A300")
    if not measured:
        # An empty sequence: there is no value, and the qualifier may say why.
        return code_of(dataset, "0040A301")
    number, unit = text_of(measured[0], "0040A30A"), unit_of(measured[0], "004008EA")
    qualifier = code_of(dataset, "0040A301")
    return " ".join(part for part in (number, unit, qualifier and f"[{qualifier}]") if part)


def _reference(dataset: JsonDataset) -> str:
    found = items(dataset, "00081199")
    return "; ".join(_referenced(each) for each in found)


def _referenced(reference: JsonDataset) -> str:
    parts = [uid_name(text(reference, "00081150")), text(reference, "00081155")]
    for tag, word in (("00081160", "frames"), ("0062000B", "segments")):
        if numbers := text_of(reference, tag):
            parts.append(f"{word} {numbers}")
    channels = texts_of(reference, "0040A0B0")
    if channels:
        # Pairs of a multiplex group and a channel in it (PS3.3 C.18.5).
        pairs = zip(channels[::2], channels[1::2], strict=False)
        parts.append("channels " + ", ".join(f"{group}/{channel}" for group, channel in pairs))
    shown = [_referenced(each) for each in items(reference, "00081199")[:1]]
    return " ".join(part for part in (*parts, *(f"shown as {each}" for each in shown)) if part)


def _graphic(dataset: JsonDataset) -> str:
    numbers = [
        _COORDINATE_DIGITS.format(value)
        for value in values(dataset, "00700022")[: _MOST_COORDINATES + 1]
        if isinstance(value, int | float)
    ]
    size = 3 if text(dataset, "0040A040") == "SCOORD3D" else 2
    shown = numbers[: _MOST_COORDINATES - _MOST_COORDINATES % size]
    points = [f"({', '.join(shown[first : first + size])})" for first in range(0, len(shown), size)]
    more = len(values(dataset, "00700022")) - len(shown)
    if more > 0:
        points.append(f"and {more} numbers more")
    return " ".join(part for part in (text(dataset, "00700023"), *points) if part)


def _times(dataset: JsonDataset) -> str:
    parts = [text(dataset, "0040A130")]
    for tag, word in (("0040A132", "samples"), ("0040A138", "seconds")):
        if numbers := text_of(dataset, tag):
            parts.append(f"{word} {numbers}")
    parts.extend(date_time_of(each) for each in texts_of(dataset, "0040A13A"))
    return " ".join(part for part in parts if part)


_READERS: Final[Mapping[str, Callable[[JsonDataset], str]]] = MappingProxyType(
    {
        "TEXT": lambda dataset: text_of(dataset, "0040A160"),
        "NUM": _number,
        "CODE": lambda dataset: code_of(dataset, "0040A168"),
        "DATE": lambda dataset: date_of(text(dataset, "0040A121")),
        "TIME": lambda dataset: time_of(text(dataset, "0040A122")),
        "DATETIME": lambda dataset: date_time_of(text(dataset, "0040A120")),
        "UIDREF": lambda dataset: text_of(dataset, "0040A124"),
        "PNAME": lambda dataset: name_of(dataset, "0040A123"),
        "COMPOSITE": _reference,
        "IMAGE": _reference,
        "WAVEFORM": _reference,
        "SCOORD": _graphic,
        "SCOORD3D": _graphic,
        "TCOORD": _times,
    }
)
VALUE_TYPES: Final = frozenset({"CONTAINER", *_READERS})
"""The value types whose values are known here."""
