"""Plain HTML pages: no script, no build step, nothing loaded from anywhere."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #0a7ea4; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { max-width: 46rem; } a { color: var(--accent); }
nav a { margin-right: 1rem; } code, pre { font: .9em ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--soft); padding: .75rem; border-radius: .4rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0; }
dd { margin: 0; } .figures { display: flex; flex-wrap: wrap; gap: 1rem; }
.figures div { background: var(--soft); border-radius: .4rem; padding: .6rem 1rem; }
.figures b { display: block; font-size: 1.4rem; } .bad { color: #c0392b; font-weight: 600; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
footer { margin-top: 3rem; color: #888; font-size: .85rem; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def page(request: Request, title: str, body: str, *, status: int = 200) -> Response:
    """An HTML page. `title` is text and escaped here, `body` is markup made with `text`.

    Links that begin at our root (`href="/docs"`) are sent relative to the address of `request`:
    what a proxy put before it need not be known, and may differ from one client to the next.
    """
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}"
        '<footer><nav><a href="/">Hilum</a><a href="/docs">API</a>'
        '<a href="/problems">Problems</a><a href="/ready">Ready</a>'
        '<a href="/metrics">Metrics</a></nav></footer></body></html>'
    )
    html = html.replace('href="/', f'href="{_way_to_root(request)}')
    return Response(html, status, _HEADERS, "text/html")


def _way_to_root(request: Request) -> str:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return "../" * (path.count("/") - 1) or "./"


def text(value: object) -> str:
    """`value` as text inside markup or an attribute."""
    return escape(str(value))


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table; the cells are markup."""
    top = "".join(f"<th>{text(cell)}</th>" for cell in head)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"
