"""Write docs/conformance/searching.md from the rules of the surfaces themselves.

python tools/search_conformance.py            writes the page
python tools/search_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pages import write_or_check
from pydicom.datadict import keyword_for_tag

from hilum.dicom.attributes import INDEXED_ITEMS, Folding, IndexedAttribute, tag_of
from hilum.domain.levels import Level
from hilum.wire.search_rules import TagsByLevel
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "searching.md"
INTRODUCTION = """# Searchable and returned attributes

<!-- Made by tools/search_conformance.py from src/hilum/wire/search_rules.py; do not edit. -->

What can be matched on and what a search returns, by surface. How values are matched is told in
[dicomweb.md](dicomweb.md#searching-qido-rs).
"""
_MATCHING = {
    Folding.NAME: "exact, wild cards, several values, empty, fuzzy; without case and accents",
    Folding.TEXT: "exact, wild cards, several values, empty; without case",
    Folding.DATE: "exact, range, several values, empty",
    Folding.TIME: "exact (also of reduced precision), range, empty",
    Folding.UID: "exact, list of UIDs, empty",
    Folding.INTEGER: "exact, as a number; empty",
}


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION, "## Searchable attributes", ""]
    lines += [
        "| level | attribute | tag | VR | matching on `/dicom-web` | `/v1`, `/v2` |",
        "|---|---|---|---|---|---|",
        *map(_attribute_row, _sorted(STANDARD.search.searchable.values())),
        "",
        "## Searchable inside sequences",
        "",
        "On `/dicom-web` only, written `Sequence.Attribute=value`. Keys of one sequence match "
        "within one item.",
        "",
        "| level | key | tags |",
        "|---|---|---|",
        *_item_rows(),
        "",
        "## Returned attributes",
        "",
        "`/v1` and `/v2` return the sets of the Azure DICOM service, `/dicom-web` those of PS3.18 "
        "tables 10.6.3-3 to 10.6.3-5. `all` is what `includefield=all` adds.",
        "",
        "| level | attribute | tag | `/v1` | `/v2` | `/dicom-web` |",
        "|---|---|---|---|---|---|",
        *_returned_rows(),
    ]
    return "\n".join(lines) + "\n"


def _sorted(attributes: Iterable[IndexedAttribute]) -> list[IndexedAttribute]:
    return sorted(attributes, key=lambda attribute: (attribute.level, attribute.tag))


def _attribute_row(attribute: IndexedAttribute) -> str:
    azure = "yes" if attribute.tag in AZURE_V2.search.searchable else ""
    cells = (
        attribute.level.name.lower(),
        attribute.keyword,
        _tag_text(attribute.tag),
        attribute.vr,
        _MATCHING[attribute.folding],
        azure,
    )
    return f"| {' | '.join(cells)} |"


def _item_rows() -> Iterator[str]:
    for item in INDEXED_ITEMS:
        tags = f"{_tag_text(tag_of(item.sequence))} > {_tag_text(tag_of(item.keyword))}"
        yield f"| {item.level.name.lower()} | {item.sequence}.{item.keyword} | {tags} |"


def _returned_rows() -> Iterator[str]:
    surfaces = (AZURE_V1, AZURE_V2, STANDARD)
    for level in Level:
        tags: set[str] = set()
        for surface in surfaces:
            tags.update(surface.search.returned[level], surface.search.returned_all[level])
        for tag in sorted(tags):
            marks = [
                _mark(tag, level, surface.search.returned, surface.search.returned_all)
                for surface in surfaces
            ]
            number = int(tag, 16)
            cells = (level.name.lower(), keyword_for_tag(number), _tag_text(number), *marks)
            yield f"| {' | '.join(cells)} |"


def _mark(tag: str, level: Level, returned: TagsByLevel, everything: TagsByLevel) -> str:
    if tag in returned[level]:
        return "default"
    return "all" if tag in everything[level] else ""


def _tag_text(tag: int) -> str:
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page()))
