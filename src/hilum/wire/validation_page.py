"""A validation report as one HTML page that needs nothing else."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from hilum.foundation.counting import counted
from hilum.validation.findings import CODES, Finding
from hilum.validation.summary import StudyReport, Summary, place_text
from hilum.wire.validation_words import sentence, title, total

PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Content-Security-Policy of the page, which says so itself where no header can."""
_HEAD: Final = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}">
<title>Validation report</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem }}
h2 {{ font-size: 1.1rem; overflow-wrap: anywhere; margin-top: 2.5rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere }}
th {{ white-space: nowrap }}
th:nth-child(2) {{ width: 45% }}
td:first-child {{ white-space: nowrap; font-weight: 600 }}
tr.error td:first-child {{ color: light-dark(#a40000, #ff8a80) }}
tr.warning td:first-child {{ color: light-dark(#7a4b00, #ffc46b) }}
small {{ display: block; opacity: .8 }}
</style>
</head>
<body>
<h1>Validation report</h1>
"""


def page(studies: Sequence[StudyReport], summary: Summary, profile: str, skipped: int) -> str:
    """Return the whole page."""
    parts = [_HEAD, f"<p>{escape(total(summary, profile, skipped))}</p>\n"]
    for study in studies:
        parts.extend(_study(study))
    parts.append("</body>\n</html>\n")
    return "".join(parts)


def _study(study: StudyReport) -> Iterator[str]:
    yield f"<section>\n<h2>{escape(title(study))}</h2>\n<p>{counted(study.files, 'file')}</p>\n"
    if not study.across and not study.shared:
        yield "<p>Nothing to tell.</p>\n</section>\n"
        return
    yield (
        "<table>\n<thead><tr><th scope='col'>Severity</th><th scope='col'>What</th>"
        "<th scope='col'>Where</th><th scope='col'>Files</th></tr></thead>\n<tbody>\n"
    )
    for finding in study.across:
        yield _row(finding, "the whole study", ())
    for shared in study.shared:
        more = shared.count - len(shared.files)
        names = [*shared.files, *([f"and {more:,} more"] if more else [])]
        yield _row(shared.finding, f"{shared.count:,} of {study.files:,}", names)
    yield "</tbody>\n</table>\n</section>\n"


def _row(finding: Finding, count: str, names: Iterable[str]) -> str:
    code = CODES[finding.code]
    files = "".join(f"<small>{escape(name)}</small>" for name in names)
    return (
        f"<tr class='{finding.severity.value}'><td>{finding.severity.value}</td>"
        f"<td>{escape(code.meaning)} <code>{escape(finding.code)}</code>"
        f"<small>{escape(sentence(finding))}</small><small>Mend: {escape(code.mend)}</small></td>"
        f"<td>{escape(place_text(finding))}</td><td>{escape(count)}{files}</td></tr>\n"
    )
