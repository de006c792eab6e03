"""The content tree of a structured report (PS3.3 C.17.3), read from its DICOM JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hilum.dicom.json_values import JsonDataset, items, text
from hilum.dicom.structured_reports.item_values import item_value
from hilum.dicom.structured_reports.wording import code_of, date_time_of, meaning_of, texts_of

_CONTENT: Final = "0040A730"
_MOST_LEVELS: Final = 128
"""No instance that came in is nested deeper (setting `dicom.nesting_levels`)."""


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One content item with all below it. Texts are as they were sent: nothing is escaped."""

    position: str
    """As references write it: `1.2.3`, counted from 1 (PS3.3 C.17.3.2.5)."""
    relationship: str
    """To the item above: `CONTAINS`, `HAS PROPERTIES`, ...; "" at the top."""
    value_type: str
    name: str
    """Meaning of the concept name; "" for none."""
    coded_name: str
    """The same with its code."""
    value: str
    """In words; "" for a container and for what is not known here."""
    observed: str
    """When it was observed, if that is said of this item."""
    reference: str
    """Position of another item that stands here (by-reference relationship); "" for none."""
    is_continuous: bool
    """A container whose content reads as one text."""
    children: Sequence["ContentItem"]
    left_out: int
    """Items below that are nested too deeply to be shown."""


def content_tree(dataset: JsonDataset) -> ContentItem:
    """Read the tree. What is damaged in an item is left out of it; no item is."""
    return _item(dataset, "1", 1)


def _item(dataset: JsonDataset, position: str, level: int) -> ContentItem:
    below = items(dataset, _CONTENT)
    is_too_deep = level >= _MOST_LEVELS
    children = (
        ()
        if is_too_deep
        else [
            _item(child, f"{position}.{number}", level + 1)
            for number, child in enumerate(below, start=1)
        ]
    )
    value_type = text(dataset, "0040A040")
    return ContentItem(
        position=position,
        relationship=text(dataset, "0040A010"),
        value_type=value_type,
        name=meaning_of(dataset, "0040A043"),
        coded_name=code_of(dataset, "0040A043"),
        value=item_value(dataset, value_type),
        observed=date_time_of(text(dataset, "0040A032")),
        reference=".".join(texts_of(dataset, "0040DB73")),
        is_continuous=text(dataset, "0040A050") == "CONTINUOUS",
        children=children,
        left_out=len(below) if is_too_deep else 0,
    )
