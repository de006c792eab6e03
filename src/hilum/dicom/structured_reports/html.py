"""A structured report as an HTML document that stands by itself: no script, no link elsewhere."""

from collections.abc import Iterator
from html import escape
from typing import Final

from hilum.dicom.json_values import JsonDataset
from hilum.dicom.structured_reports.content import ContentItem, content_tree
from hilum.dicom.structured_reports.head import head_of, title_of
from hilum.dicom.structured_reports.item_values import VALUE_TYPES

_STYLE: Final = """\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
header{border-bottom:1px solid;margin-bottom:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}
dt{font-weight:600}
dd{margin:0;overflow-wrap:anywhere}
.item,section section{border-inline-start:1px solid;padding-inline-start:.75rem;margin:.4rem 0}
.value{white-space:pre-wrap;overflow-wrap:anywhere}
.name{font-weight:600}
.aside{font-size:.85em;font-style:italic}
@media print{body{max-width:none;margin:0}}
"""
_HEADINGS: Final = 6


def report_html(dataset: JsonDataset) -> str:
    """Write a report as one document. Every text of the data set is escaped."""
    title = escape(title_of(dataset))
    head = "".join(
        f"<dt>{escape(fact.label)}</dt> <dd>{escape(fact.value)}</dd>\n"
        for fact in head_of(dataset)
    )
    root = content_tree(dataset)
    content = "".join((*_asides(root), *_below(root, 2)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{title}</h1>\n<dl>\n{head}</dl>\n</header>\n"
        f'<main id="{_anchor(root.position)}">\n{content}</main>\n</body>\n</html>\n'
    )


def _below(item: ContentItem, heading: int) -> Iterator[str]:
    for child in item.children:
        yield from _item(child, heading)
    if item.left_out:
        yield f'<p class="aside">{item.left_out} items are nested too deeply to be shown.</p>\n'


def _item(item: ContentItem, heading: int) -> Iterator[str]:
    is_section = item.value_type == "CONTAINER" and not item.reference
    element, kind = ("section", "") if is_section else ("div", ' class="item"')
    yield f'<{element} id="{_anchor(item.position)}"{kind}>'
    if item.relationship not in {"", "CONTAINS"}:
        yield f'<span class="aside">{escape(item.relationship.lower())}</span> '
    if is_section:
        yield from _heading(item, heading)
    else:
        yield from _line(item)
    yield from _asides(item)
    yield "\n"
    yield from _below(item, heading + 1 if is_section else heading)
    yield f"</{element}>\n"


def _heading(item: ContentItem, heading: int) -> Iterator[str]:
    if not item.name:
        return
    level = min(heading, _HEADINGS)
    spoken = f' aria-level="{heading}"' if heading > level else ""
    yield f'<h{level}{spoken} title="{escape(item.coded_name)}">{escape(item.name)}</h{level}>'


def _line(item: ContentItem) -> Iterator[str]:
    if item.name:
        name, code = escape(item.name), escape(item.coded_name)
        yield f'<span class="name" title="{code}">{name}:</span> '
    if item.value:
        yield f'<span class="value">{escape(item.value)}</span>'
    if item.reference:
        yield f'<a href="#{_anchor(item.reference)}">see item {escape(item.reference)}</a>'
    elif item.value_type not in VALUE_TYPES:
        kind = escape(item.value_type or "none")
        yield f'<span class="aside">a value of type {kind} is not shown</span>'


def _asides(item: ContentItem) -> Iterator[str]:
    if item.observed:
        yield f' <span class="aside">observed {escape(item.observed)}</span>'


def _anchor(position: str) -> str:
    """Positions are digits and dots; what a damaged reference has beside them is left out."""
    return "i" + "".join(each for each in position if each in "0123456789.")
