"""A structured report as plain text."""

from collections.abc import Iterator

from hilum.dicom.json_values import JsonDataset
from hilum.dicom.structured_reports.content import ContentItem, content_tree
from hilum.dicom.structured_reports.head import head_of, title_of
from hilum.dicom.structured_reports.item_values import VALUE_TYPES


def report_text(dataset: JsonDataset) -> str:
    """Write a report as lines, content below what it belongs to."""
    title = title_of(dataset)
    lines = [title, "=" * len(title), ""]
    lines.extend(f"{fact.label}: {fact.value}" for fact in head_of(dataset))
    lines.append("")
    lines.extend(_lines(content_tree(dataset), 0))
    return "\n".join(_printable(line) for line in lines) + "\n"


def _lines(item: ContentItem, level: int) -> Iterator[str]:
    indent = "  " * level
    first, *rest = f"{_label(item)}{_value(item)}".splitlines() or [""]
    yield f"{indent}{item.position} {first}"
    for line in rest:
        yield f"{indent}  {line}"
    for child in item.children:
        yield from _lines(child, level + 1)
    if item.left_out:
        yield f"{indent}  [{item.left_out} items below are nested too deeply to be shown]"


def _label(item: ContentItem) -> str:
    parts = []
    if item.relationship not in {"", "CONTAINS"}:
        parts.append(f"({item.relationship.lower()})")
    if item.coded_name:
        parts.append(f"{item.coded_name}:" if item.value_type != "CONTAINER" else item.coded_name)
    return " ".join(parts)


def _value(item: ContentItem) -> str:
    parts = [item.value] if item.value else []
    if item.reference:
        parts.append(f"[see {item.reference}]")
    elif item.value_type not in VALUE_TYPES:
        parts.append(f"[a value of type {item.value_type or 'none'} is not shown]")
    if item.observed:
        parts.append(f"[observed {item.observed}]")
    return "".join(f" {part}" for part in parts)


def _printable(line: str) -> str:
    """Without characters that a terminal would act on."""
    return "".join(each if each.isprintable() else " " for each in line)
