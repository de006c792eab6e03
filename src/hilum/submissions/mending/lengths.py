"""`fix-lengths`: lengths, paddings and delimiters, nearly all of which writing anew puts right."""

from collections.abc import Iterator, Sequence
from typing import Final

from hilum.dicom.elements import ElementPath
from hilum.dicom.mending.tree import Element, Flaw, walk
from hilum.submissions.mending.draft import Change, Draft

_VALUE_BYTES: Final = {
    "AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8,
}  # fmt: skip


def fix_lengths(draft: Draft, _: str) -> Sequence[Change]:
    cut = list(_cut(draft))
    done = {change.path for change in cut}
    flaws = [_encoded(flaw) for flaw in draft.file.flaws if flaw.path not in done]
    changes = [*flaws, *cut]
    return [*changes, *_without_group_lengths(draft, draft.file.elements)] if changes else []


def _encoded(flaw: Flaw) -> Change:
    return Change(flaw.path, f"encoded anew: {flaw.text}")


def _cut(draft: Draft) -> Iterator[Change]:
    """Cut off what is behind the last whole number: to pad it would add another one."""
    for path, element in walk(draft.file.elements):
        size, value = _VALUE_BYTES.get(element.vr), element.value
        if size is None or not isinstance(value, bytes) or not len(value) % size:
            continue
        if len(value) > size:
            element.value = value[: len(value) - len(value) % size]
            text = "bytes behind its last number cut off"
            yield Change(path, text, element.vr, value, is_nonconforming=True)


def _without_group_lengths(draft: Draft, elements: list[Element]) -> Sequence[Change]:
    """They are retired (PS3.5 7.2), and count what may no longer be there."""
    group_lengths = [each.tag for each in elements if each.tag & 0xFFFF == 0]
    draft.file.elements = [each for each in elements if each.tag & 0xFFFF]
    return [Change(ElementPath((), tag), "group length removed") for tag in group_lengths]
