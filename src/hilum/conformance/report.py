"""The report of a run as JSON and as one HTML page that needs nothing else."""

from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any, Final

from hilum import __version__
from hilum.conformance.checks import Outcome, State
from hilum.conformance.running import Run

_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}
th,td{border-bottom:1px solid #ddd;padding:.35rem .6rem;text-align:left;vertical-align:top}
code{font-size:.85em;overflow-wrap:anywhere}
.passed{color:#176b34}.failed{color:#b3261e;font-weight:600}.warned{color:#8a5a00}
.skipped{color:#666}
""".strip()


def as_json(run: Run) -> dict[str, Any]:
    """Return the report as one document; its members are described in the manual."""
    return {
        "server": run.url,
        "began": run.began.isoformat(timespec="seconds"),
        "tool": f"hilum {__version__}",
        "standard": "DICOM PS3.18",
        "conforms": run.conforms,
        "counts": {state.value: run.count(state) for state in State},
        "remarks": list(run.remarks),
        "checks": [_fields(outcome) for outcome in run.outcomes],
    }


def as_html(run: Run) -> str:
    """Return the report as a page."""
    counts = ", ".join(f"{run.count(state)} {state.value}" for state in State)
    began = run.began.isoformat(sep=" ", timespec="seconds")
    lines = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(run.url)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        "<h1>DICOMweb conformance</h1>",
        f"<p><code>{escape(run.url)}</code><br>{escape(began)}, hilum {__version__}<br>",
        f"<strong>{counts}</strong></p>",
        *(f"<p>{escape(remark)}</p>" for remark in run.remarks),
    ]
    for group, outcomes in groupby(run.outcomes, key=lambda outcome: outcome.check.group):
        lines.append(f"<h2>{escape(group)}</h2><table>")
        lines.append("<tr><th></th><th>requirement</th><th></th><th>section</th><th>seen</th></tr>")
        lines.extend(_row(outcome) for outcome in outcomes)
        lines.append("</table>")
    return "\n".join([*lines, "</body></html>", ""])


def _row(outcome: Outcome) -> str:
    check = outcome.check
    seen = "<br>".join(_seen(outcome))
    return (
        f'<tr><td class="{outcome.state.value}">{outcome.state.value}</td>'
        f"<td>{escape(check.title)}<br><code>{escape(check.id)}</code></td>"
        f"<td>{check.level.value}</td><td>{escape(check.cited)}</td><td>{seen}</td></tr>"
    )


def _seen(outcome: Outcome) -> Iterator[str]:
    if outcome.expected:
        yield f"expected {escape(outcome.expected)}"
    if outcome.found:
        yield f"found {escape(outcome.found)}" if outcome.expected else escape(outcome.found)
    if outcome.request and outcome.state is not State.PASSED:
        yield f"<code>{escape(outcome.request)}</code>"
        yield f"<code>{escape(outcome.response)}</code>"


def _fields(outcome: Outcome) -> dict[str, str]:
    check = outcome.check
    return {
        "id": check.id,
        "group": check.group,
        "title": check.title,
        "level": check.level.value,
        "section": check.cited,
        "state": outcome.state.value,
        "expected": outcome.expected,
        "found": outcome.found,
        "request": outcome.request,
        "response": outcome.response,
    }
