"""Write docs/conformance/azure.md: what the Azure DICOM service does, and which test proves it.

python tools/azure_conformance.py            writes the page
python tools/azure_conformance.py --check    fails when the page is not current
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pages
from azure_rows import Row, rows
from pages import write_or_check

PAGE = Path(__file__).parents[1] / "docs" / "conformance" / "azure.md"
INTRODUCTION = """# The Azure DICOM service, row by row

<!-- Made by tools/azure_conformance.py from tests/conformance/azure; do not edit. -->

What a client of that service can see, as facts, and the tests of ours that prove each. Numbers of
sections are those of the test files. Where the service's documents and its code disagree, and where
we do otherwise on purpose, [azure-choices.md](azure-choices.md) says what we do and why.
"""
TITLES = {
    1: "Base paths, versions, partitions, rules of every route",
    2: "Storing: STOW-RS",
    3: "Retrieving: WADO-RS",
    4: "Searching: QIDO-RS",
    5: "Deleting",
    6: "Worklist: UPS-RS",
    7: "Change feed",
    8: "Extended query tags",
    9: "Operations",
    10: "Bulk update",
    11: "Export",
    12: "Other endpoints",
    13: "Authentication and roles",
}


def page(found: Sequence[Row]) -> str:
    """The whole page."""
    lines = [INTRODUCTION, "## Coverage", "", *_summary(found), ""]
    lines += ["## Rows without a test", "", *_untested(found), ""]
    for section, members in groupby(found, key=lambda row: row.section):
        lines += [f"## {section}. {TITLES[section]}", "", *_table(list(members)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _summary(found: Sequence[Row]) -> Iterator[str]:
    yield pages.row("section", "rows", "proved by a test", "explained", "neither")
    yield "|---|---|---|---|---|"
    for section, members in groupby(found, key=lambda row: row.section):
        yield _counts(f"{section}. {TITLES[section]}", list(members))
    yield _counts("all", found)


def _counts(title: str, members: Sequence[Row]) -> str:
    proved = sum(bool(row.tests) for row in members)
    explained = sum(bool(row.without_test) and not row.tests for row in members)
    left = len(members) - proved - explained
    return pages.row(title, str(len(members)), str(proved), str(explained), str(left))


def _untested(found: Sequence[Row]) -> Iterator[str]:
    untested = [row for row in found if not row.tests]
    if not untested:
        yield "None."
        return
    yield pages.row("row", "what is so", "why no test proves it")
    yield "|---|---|---|"
    for row in untested:
        reason = _cell(row.without_test) or "**no test and no reason**"
        yield pages.row(row.identifier, _cell(row.says), reason)


def _table(members: Sequence[Row]) -> Iterator[str]:
    yield pages.row("row", "what is so", "proved by")
    yield "|---|---|---|"
    for row in members:
        tests = "<br>".join(map(_test_name, row.tests)) or "see above"
        yield pages.row(row.identifier, _cell(row.says), tests)


def _test_name(test: str) -> str:
    """The file without its usual folder, and the test."""
    return f"`{test.removeprefix('conformance/azure/')}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page(rows())))
