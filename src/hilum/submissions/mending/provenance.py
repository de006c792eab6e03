"""What a mended file says of itself: Original Attributes and Contributing Equipment (PS3.3)."""

import struct
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hilum.dicom.attributes import tag_of
from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import Element, Form, Item, LooseFile, by_tag, copied, level_at
from hilum.submissions.mending.draft import Change, Draft

_ORIGINAL_ATTRIBUTES: Final = tag_of("OriginalAttributesSequence")
_CONTRIBUTING_EQUIPMENT: Final = tag_of("ContributingEquipmentSequence")
_LONGEST_DESCRIPTION: Final = 1024
_LONGEST_NAME: Final = 64


def add_provenance(
    draft: Draft, changes: Sequence[Change], coercions: Sequence[str], now: datetime, version: str
) -> None:
    """Add what was there before, and who changed it."""
    file = draft.file
    changed = [change for change in changes if change.vr and change.path is not None]
    if changed:
        _add_item(file, _ORIGINAL_ATTRIBUTES, _original(draft, changed, now, version))
    _add_item(file, _CONTRIBUTING_EQUIPMENT, _equipment(file.form, coercions, now, version))


def _add_item(file: LooseFile, tag: int, elements: list[Element]) -> None:
    """Add an item behind those there are, which stay (PS3.3 C.12.1.1.9)."""
    sequence = file.get(tag)
    if sequence is None or sequence.items is None:
        sequence = Element(tag, "SQ", items=[])
        file.put(sequence)
    items = sequence.items if sequence.items is not None else []
    items.append(Item(elements, file.form))


def _original(
    draft: Draft, changed: Sequence[Change], now: datetime, version: str
) -> list[Element]:
    """An item of Original Attributes Sequence (PS3.3 table C.12.1.1.9-1)."""
    form = draft.file.form
    modified = _modified(draft, changed)
    nonconforming = [
        Item(_selected(change.path, change.former, form), form)
        for change in changed
        if change.is_nonconforming and change.former and change.path is not None
    ]
    elements = [_sequence("ModifiedAttributesSequence", [Item(modified, form)])]
    if nonconforming:
        elements.append(_sequence("NonconformingModifiedAttributesSequence", nonconforming))
    return [
        *elements,
        _text("AttributeModificationDateTime", "DT", _date_time(now)),
        _text("ModifyingSystem", "LO", f"HILUM {version}"[:_LONGEST_NAME]),
        _text("SourceOfPreviousValues", "LO", ""),
        _text("ReasonForTheAttributeModification", "CS", "CORRECT"),
    ]


def _modified(draft: Draft, changed: Sequence[Change]) -> list[Element]:
    """The top-level attributes as they were; what broke its VR is there without its value."""
    former, present = by_tag(draft.former), by_tag(draft.file.elements)
    modified: list[Element] = []
    for tag in sorted({change.path.top_level_tag for change in changed if change.path}):
        was = former.get(tag)
        if was is None:
            vr = present[tag].vr if tag in present else "UN"
            was = Element(tag, vr, items=[] if vr == "SQ" else None)
        modified += copied([was])
    _empty(modified, [each.path for each in changed if each.is_nonconforming and each.path])
    return modified


def _empty(elements: list[Element], paths: Sequence[ElementPath]) -> None:
    of_levels = defaultdict[tuple[tuple[int, int], ...], list[int]](list)
    for path in paths:
        of_levels[path.items].append(path.tag)
    for items, tags in of_levels.items():
        level = level_at(elements, items)
        there = {} if level is None else by_tag(level[0])
        for tag in tags:
            if (element := there.get(tag)) is not None:
                element.value, element.tail = b"", b""


def _selected(path: ElementPath | None, former: bytes | None, form: Form) -> list[Element]:
    """Which attribute had which bytes: Selector Attribute Macro (PS3.3 table 10-20)."""
    if path is None or former is None:
        return []
    selector = [_element("SelectorAttribute", "AT", _tag_bytes(path.tag, form))]
    order = "<" if form.is_little_endian else ">"
    selector.append(_element("SelectorValueNumber", "US", struct.pack(f"{order}H", 0)))
    if path.items:
        pointers = b"".join(_tag_bytes(tag, form) for tag, _ in path.items)
        selector.append(_element("SelectorSequencePointer", "AT", pointers))
        numbers = "\\".join(str(index + 1) for _, index in path.items)
        selector.append(_text("SelectorSequencePointerItems", "IS", numbers))
    selector.append(_element("NonconformingDataElementValue", "OB", former))
    return sorted(selector, key=lambda each: each.tag)


def _equipment(form: Form, coercions: Sequence[str], now: datetime, version: str) -> list[Element]:
    """An item of Contributing Equipment Sequence (PS3.3 table C.12-1)."""
    purpose = [
        _text("CodeValue", "SH", "109103"),
        _text("CodingSchemeDesignator", "SH", "DCM"),
        _text("CodeMeaning", "LO", "Modifying Equipment"),
    ]
    description = f"Repaired in quarantine: {', '.join(coercions)}"[:_LONGEST_DESCRIPTION]
    elements = [
        _text("Manufacturer", "LO", "Hilum"),
        _text("SoftwareVersions", "LO", version[:_LONGEST_NAME]),
        _text("ContributionDateTime", "DT", _date_time(now)),
        _text("ContributionDescription", "ST", description),
        _sequence("PurposeOfReferenceCodeSequence", [Item(purpose, form)]),
    ]
    return sorted(elements, key=lambda each: each.tag)


def _sequence(keyword: str, items: list[Item]) -> Element:
    return Element(tag_of(keyword), "SQ", items=items)


def _text(keyword: str, vr: str, text: str) -> Element:
    return _element(keyword, vr, text.encode("ascii", "replace"))


def _element(keyword: str, vr: str, value: bytes) -> Element:
    return Element(tag_of(keyword), vr, value)


def _tag_bytes(tag: int, form: Form) -> bytes:
    order = "<" if form.is_little_endian else ">"
    return struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)


def _date_time(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%d%H%M%S.%f}+0000"
