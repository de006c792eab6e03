"""The data set as nested levels, made from the DICOM JSON of its header."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from hilum.dicom.elements import ElementPath
from hilum.dicom.header import Header

Element = dict[str, Any]
"""`vr` and `Value` as in DICOM JSON; a bulk element has `length` instead, None when undefined."""
_NOTHING: Final[list[Any]] = []


class Level:
    """The data set or one item of a sequence. Tags are texts: `GGGGEEEE` in upper case."""

    __slots__ = ("elements", "items", "parent")

    def __init__(
        self,
        elements: dict[str, Element],
        parent: "Level | None" = None,
        items: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.elements = elements
        self.parent = parent
        self.items = items
        """Where this level is, as in `ElementPath`."""

    def path(self, tag: str) -> ElementPath:
        return ElementPath(self.items, int(tag, 16))

    def values(self, tag: str) -> list[Any]:
        element = self.elements.get(tag)
        return _NOTHING if element is None else element.get("Value", _NOTHING)

    def first(self, tag: str) -> Any:  # noqa: ANN401 - any JSON value
        """The first value, None when there is none."""
        values = self.values(tag)
        return values[0] if values else None

    def number(self, tag: str) -> int | None:
        """The first value when it is a whole number."""
        value = self.first(tag)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value if isinstance(value, int) else None

    def has_value(self, tag: str) -> bool:
        element = self.elements.get(tag)
        return element is not None and is_filled(element)

    def below(self, tag: str) -> Iterator["Level"]:
        """The items of a sequence."""
        element = self.elements.get(tag)
        if element is not None and element["vr"] == "SQ":
            number = int(tag, 16)
            for index, item in enumerate(element.get("Value", _NOTHING)):
                yield Level(item or {}, self, (*self.items, (number, index)))

    def around(self, tag: str) -> "Level":
        """Return this level or the nearest around it that has `tag`; this one when none has."""
        level: Level | None = self
        while level is not None:
            if tag in level.elements:
                return level
            level = level.parent
        return self


def is_filled(element: Element) -> bool:
    """Whether an element has any value, item or byte."""
    if "length" in element:
        return bool(element["length"] != 0)
    values = element.get("Value", _NOTHING)
    if element["vr"] == "SQ":
        return len(values) > 0
    return any(value is not None for value in values)


def root_of(header: Header) -> Level:
    """Return the whole data set, bulk elements included."""
    elements: dict[str, Element] = orjson.loads(header.json)
    for place in header.bulk:
        level: dict[str, Element] | None = elements
        for tag, index in place.path.items:
            items = (level or {}).get(f"{tag:08X}", {}).get("Value", _NOTHING)
            level = items[index] if index < len(items) else None
        if level is not None:
            level[f"{place.path.tag:08X}"] = {"vr": place.vr, "length": place.length}
    return Level(elements)
