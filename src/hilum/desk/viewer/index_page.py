"""The viewer's own page, moved to the path it is served at, with a policy that fits it."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

_MADE_FOR_THE_ROOT: Final = b'window.PUBLIC_URL="/"'
_ADDRESS: Final = re.compile(rb'((?:href|src|content|PUBLIC_URL)=")/(?!/)')
_SCRIPT: Final = re.compile(rb"<script(?:\s[^>]*)?>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class IndexPage:
    """What is sent for every address that is a place in the viewer."""

    body: bytes
    policy: str
    """Value of Content-Security-Policy."""

    @property
    def tag(self) -> str:
        """What stands between the quotation marks of its ETag."""
        return hashlib.sha256(self.body).hexdigest()[:32]


def index_page(html: bytes, base: str) -> IndexPage:
    """Make the page for a viewer at the path `base`, such as `/hilum/viewer`.

    A build for the root of a host is moved; one that was made for a path of its own is left alone.
    """
    if _MADE_FOR_THE_ROOT in html:
        html = _ADDRESS.sub(rb"\g<1>" + base.encode() + b"/", html)
    return IndexPage(html, _policy(html))


def _policy(html: bytes) -> str:
    """Nothing comes from other servers and nothing goes there.

    Scripts inside the page are allowed one by one. Styles cannot be: the viewer makes them while
    it runs. It also compiles functions from text when it loads segmentations, for which it needs
    `unsafe-eval`. Blobs are thumbnails, PDF documents and the code of its workers.
    """
    inside = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _SCRIPT.findall(html)
        if script
    }
    directives = (
        "default-src 'self'",
        " ".join(["script-src 'self' 'unsafe-eval' blob:", *sorted(inside)]),
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob: data:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'self' blob:",
        "frame-src 'self' blob:",
        "worker-src 'self' blob:",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
    return "; ".join(directives)
