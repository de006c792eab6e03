"""Cross-origin resource sharing: which headers let pages of other origins read our answers."""

import re
from dataclasses import dataclass
from typing import Final

RawHeaders = list[tuple[bytes, bytes]]

_METHODS: Final = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
_REQUEST_HEADERS: Final = (
    b"Authorization, Accept, Content-Type, Range, If-Range, If-None-Match, Cache-Control,"
    b" X-API-Key, X-Correlation-ID, Last-Event-ID, traceparent, tracestate,"
    b" msdicom-request-original, msdicom-expiry-time-milliseconds, msdicom-expiry-option,"
    b" msdicom-expiry-level, msdicom-request-meta"
)
_OPEN_NAMES: Final = re.compile(rb"msdicom-meta-[a-z]{2}-[0-9a-f]{8}", re.IGNORECASE)
"""Request headers of which there are too many to be listed: those asked for are repeated."""
_EXPOSED: Final = (
    b"Content-Type, Content-Length, Content-Range, Content-Encoding, Content-Disposition,"
    b" Accept-Ranges, ETag, Warning, Location, Retry-After, X-Correlation-ID, X-Feed-Id,"
    b" api-supported-versions, api-deprecated-versions, Content-Location,"
    b" erroneous-dicom-attributes"
)
_EMBEDDED: Final = ((b"cross-origin-resource-policy", b"cross-origin"),)


@dataclass(frozen=True, slots=True)
class Cors:
    """Off while no origin is allowed: then no header is ever sent."""

    allowed_origins: frozenset[str] = frozenset()
    """Origins, or `*`."""
    allow_credentials: bool = False
    max_age_seconds: int = 600
    embedding: bool = True
    """Pages may show what they cannot read: `<img>`, `<video>` and frames name no origin."""

    @property
    def on(self) -> bool:
        return bool(self.allowed_origins)

    def allows(self, origin: str | None) -> bool:
        """Whether pages of `origin` may ask for everything."""
        return self._allowed(origin) is not None

    def headers(self, origin: str | None) -> RawHeaders:
        """Headers of every answer, errors too: without them a browser shows "network error".

        `Cross-Origin-Resource-Policy` lets pages that isolate themselves (OHIF does, for
        SharedArrayBuffer) embed our images. Elements of a page ask without `Origin`.
        """
        allowed = self._allowed(origin)
        if allowed is None:
            headers = [(b"vary", b"Origin")] if self.on else []
            return [*headers, *_EMBEDDED] if self.on and self.embedding and not origin else headers
        headers = [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", _EXPOSED),
            *_EMBEDDED,
            (b"vary", b"Origin"),
        ]
        if self.allow_credentials:
            headers.append((b"access-control-allow-credentials", b"true"))
        return headers

    def preflight_headers(self, origin: str | None, asked: bytes = b"") -> RawHeaders:
        """What a preflight needs beside `headers`; `asked`: the request headers it names."""
        if self._allowed(origin) is None:
            return []
        allowed = b", ".join([_REQUEST_HEADERS, *_OPEN_NAMES.findall(asked)])
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", allowed),
            (b"access-control-max-age", str(self.max_age_seconds).encode()),
        ]

    def _allowed(self, origin: str | None) -> bytes | None:
        if origin is None or not self.on:
            return None
        if origin in self.allowed_origins:
            return origin.encode("latin-1")
        return b"*" if "*" in self.allowed_origins else None
