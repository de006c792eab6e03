"""Plain HTML pages: no build step, nothing loaded from other servers, no script inside."""

import base64
import hashlib
import re
from collections.abc import Sequence
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882;
  --accent: light-dark(#0a7ea4, #4db8d9); }
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
.figures b { display: block; font-size: 1.4rem; }
.bad { color: light-dark(#a40000, #ff8a80); font-weight: 600; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
footer { margin-top: 3rem; color: light-dark(#666, #aaa); font-size: .85rem; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {"X-Frame-Options": "DENY", "Cache-Control": "no-store"}
_STILL: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_ACTING: Final = (
    f"default-src 'none'; style-src 'self' 'sha256-{_STYLE_HASH}'; script-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_ADDRESS: Final = re.compile(r'((?:href|src|action)=")/')


def page(
    request: Request,
    title: str,
    body: str,
    *,
    status: int = 200,
    script: str = "",
    style: str = "",
) -> Response:
    """An HTML page. `title` is text and escaped here, `body` is markup made with `text`.

    Links that begin at our root (`href="/docs"`) are sent relative to the address of `request`:
    what a proxy put before it need not be known, and may differ from one client to the next.
    `script` is the path of a module, `style` that of a style sheet; with a script the page may
    ask this server, and no other.
    """
    head = f'<link rel="stylesheet" href="{style}">' if style else ""
    head += f'<script type="module" src="{script}"></script>' if script else ""
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{head}</head><body>{body}"
        '<footer><nav><a href="/">Hilum</a><a href="/docs">API</a>'
        '<a href="/problems">Problems</a><a href="/ready">Ready</a>'
        '<a href="/metrics">Metrics</a></nav></footer></body></html>'
    )
    html = _ADDRESS.sub(rf"\g<1>{_way_to_root(request)}", html)
    headers = _HEADERS | {"Content-Security-Policy": _ACTING if script else _STILL}
    return Response(html, status, headers, "text/html")


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
