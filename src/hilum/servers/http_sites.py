"""Pages of other sites may change nothing here, but those of `cors.allowed_origins`.

A browser lets any page send a form to any server, also to an open one on loopback, and only keeps
the answer from it. It says so in `Sec-Fetch-Site` (W3C Fetch Metadata), which no page can set.
Programs that are no browsers do not send it.
"""

from typing import Final

from starlette.types import Scope, Send

from hilum.servers.http_cors import Cors

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN: Final = frozenset({"same-origin", "none"})
"""`none`: typed in, or from a bookmark."""
_TEXT: Final = (
    b"A page of another site sent this request, and pages of other sites may change nothing here.\n"
    b"If that page is yours, name its origin in the setting cors.allowed_origins.\n"
)


def is_foreign(scope: Scope, site: str | None, origin: str | None, cors: Cors) -> bool:
    """Whether a page of a site that is not allowed wants to change something."""
    if site is None or site in _OWN or scope["method"] in _SAFE:
        return False
    return not cors.allows(origin)


async def refuse_site(send: Send) -> None:
    """403, in words for whoever set this up."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(_TEXT)).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _TEXT})
