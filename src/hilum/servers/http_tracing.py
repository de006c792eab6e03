"""A span around every request, below that of the caller (W3C `traceparent`)."""

import re
import uuid
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.foundation.ids import accepted_correlation_id
from hilum.ports.tracing import Span, SpanKind, Tracing
from hilum.servers.http_exchange import EXCHANGE, Exchange

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CORRELATION: Final = b"x-correlation-id"


class TracedApp:
    """ASGI middleware around `Edge`.

    A request that brings a trace and no correlation id gets the id of the trace as one, and one
    that brings neither a new correlation id, of which its trace is made: so either leads to the
    other, and to the events of later.
    """

    def __init__(self, app: ASGIApp, tracing: Tracing, *, untraced: frozenset[str]) -> None:
        """Requests to the paths `untraced`, which machines poll, have no span."""
        self._app = app
        self._tracing = tracing
        self._untraced = untraced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._untraced:
            await self._app(scope, receive, send)
            return
        parent, correlation_id = _read(scope)
        others = [each for each in scope["headers"] if each[0] != _CORRELATION]
        scope["headers"] = [*others, (_CORRELATION, correlation_id.encode())]
        method = scope["method"]
        span = self._tracing.begin(
            f"HTTP {method}", SpanKind.SERVER, correlation_id=correlation_id, parent=parent
        )
        with self._tracing.within(span):
            try:
                await self._app(scope, receive, send)
            finally:
                _tell(span, method, scope.get(EXCHANGE))


def _read(scope: Scope) -> tuple[str | None, str]:
    """The caller's trace, if any, and the correlation id."""
    headers = dict(scope["headers"])
    parent = headers.get(b"traceparent", b"").decode("latin-1").strip()
    match = _TRACEPARENT.fullmatch(parent)
    given = headers.get(_CORRELATION)
    if given is None and match is not None:
        return parent, str(uuid.UUID(match["trace"]))
    text = None if given is None else given.decode("latin-1")
    return (parent if match else None), accepted_correlation_id(text)


def _tell(span: Span, method: str, exchange: Exchange | None) -> None:
    span.note("http.request.method", method)
    if exchange is None:
        return
    span.rename(f"{method} {exchange.template}")
    span.note("http.route", exchange.template)
    if exchange.status:
        span.note("http.response.status_code", exchange.status)
        if exchange.status >= 500:
            span.failed(str(exchange.status))
