"""The outermost layer of the HTTP application: what every request and every answer goes through.

Correlation id in and out, one log line and one measurement per request, headers for browsers,
CORS on whatever is answered, the time a body may stall, the names and sites we answer to.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.domain.errors import InvalidRequest
from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.ids import accepted_correlation_id
from hilum.ports.http_telemetry import HttpMeter
from hilum.servers.http_cors import Cors, RawHeaders
from hilum.servers.http_exchange import EXCHANGE, Exchange
from hilum.servers.http_hosts import HostRule, refuse_host
from hilum.servers.http_sites import is_foreign, refuse_site

log = structlog.get_logger()

CLIENT_GONE: Final = 499
"""Status, in log and metrics only, of a request whose client left before it was answered."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # A page that isolates itself, as OHIF does, shows a PDF or a report of ours in a frame only
    # when that asks for isolation, too.
    (b"cross-origin-embedder-policy", b"require-corp"),
)
_OWN_ORIGIN: Final = (b"cross-origin-resource-policy", b"same-origin")


class BodyStalled(InvalidRequest):
    """The client stopped sending a body it had announced, or sends it too slowly."""

    code = "body-stalled"
    title = "The body stopped arriving"

    def __init__(self, what: str, setting: str) -> None:
        self.setting = setting
        super().__init__(f"{what} (setting {setting}).")


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """Plain values; defaults as in the settings."""

    cors: Cors = field(default_factory=Cors)
    body_idle_seconds: float = 60.0
    body_bytes_per_second: int = 500
    """Slowest a body may arrive over longer than `body_idle_seconds`; 0 is no bound."""
    log_requests: bool = True
    hosts: HostRule | None = None
    """Names a request may call us by; None: any."""
    headers_by_prefix: Mapping[str, RawHeaders] = field(default_factory=dict)
    """Headers of every answer below a path of one segment, such as `/v2`."""


class Edge:
    """ASGI middleware; must be outermost."""

    def __init__(self, app: ASGIApp, *, meter: HttpMeter, options: EdgeOptions) -> None:
        self._app = app
        self._meter = meter
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        correlation_id, origin, site, preflight = _read(scope)
        exchange = Exchange(accepted_correlation_id(correlation_id))
        scope[EXCHANGE] = exchange
        scope.setdefault("state", {})["correlation_id"] = exchange.correlation_id
        token = CORRELATION_ID.set(exchange.correlation_id)
        self._meter.began()
        sender = _Sender(send, exchange, self._headers(scope, exchange, origin))
        try:
            if self._options.hosts is not None and not self._options.hosts.allows(scope):
                exchange.template = "misdirected"
                await refuse_host(sender)
            elif preflight and self._options.cors.on:
                await self._answer_preflight(sender, exchange, scope, origin)
            elif is_foreign(scope, site, origin, self._options.cors):
                exchange.template = "cross-site"
                await refuse_site(sender)
            else:
                receiver = _Receiver(receive, exchange, self._options)
                await self._app(scope, receiver, sender)
        finally:
            self._tell(scope["method"], exchange, time.perf_counter() - started)
            CORRELATION_ID.reset(token)

    def _headers(self, scope: Scope, exchange: Exchange, origin: str | None) -> RawHeaders:
        headers: RawHeaders = [
            *_ALWAYS,
            (b"x-correlation-id", exchange.correlation_id.encode("ascii")),
        ]
        prefix = "/" + scope["path"][1:].partition("/")[0]
        headers.extend(self._options.headers_by_prefix.get(prefix, ()))
        cors = self._options.cors.headers(origin)
        headers.extend(cors)
        if not cors or len(cors) == 1:
            headers.append(_OWN_ORIGIN)
        return headers

    async def _answer_preflight(
        self, send: Send, exchange: Exchange, scope: Scope, origin: str | None
    ) -> None:
        exchange.template = "preflight"
        exchange.quiet = True
        asked = dict(scope["headers"]).get(b"access-control-request-headers", b"")
        headers = self._options.cors.preflight_headers(origin, asked)
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _tell(self, method: str, exchange: Exchange, seconds: float) -> None:
        status = exchange.status if exchange.complete else CLIENT_GONE
        known_method = method if method in _METHODS else "other"
        self._meter.ended(
            route=exchange.template,
            method=known_method,
            status=status,
            seconds=seconds,
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )
        if not self._options.log_requests:
            return
        write = log.debug if exchange.quiet else log.info
        write(
            "http_request",
            route=exchange.template,
            method=known_method,
            status=status,
            seconds=round(seconds, 6),
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
        )


def _read(scope: Scope) -> tuple[str | None, str | None, str | None, bool]:
    """The headers this layer needs: correlation id, origin, site, and whether it is a preflight."""
    correlation_id: str | None = None
    origin: str | None = None
    site: str | None = None
    preflight = False
    for name, value in scope["headers"]:
        if name == b"x-correlation-id":
            correlation_id = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"sec-fetch-site":
            site = value.decode("latin-1")
        elif name == b"access-control-request-method":
            preflight = scope["method"] == "OPTIONS"
    return correlation_id, origin, site, preflight and origin is not None


class _Sender:
    """Adds the headers of every answer and counts what leaves."""

    __slots__ = ("_exchange", "_headers", "_send")

    def __init__(self, send: Send, exchange: Exchange, headers: RawHeaders) -> None:
        self._send = send
        self._exchange = exchange
        self._headers = headers

    async def __call__(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            message = {**message, "headers": _joined(message.get("headers", ()), self._headers)}
        elif message["type"] == "http.response.body":
            exchange.bytes_out += len(message.get("body", b""))
        await self._send(message)
        if message["type"] != "http.response.body":
            return
        if message.get("more_body", False):
            # Sending does not wait while there is room, nor when the client has gone: without this
            # a body that is at hand would keep all others, and the news of its going, waiting.
            await asyncio.sleep(0)
        else:
            exchange.complete = True


def _joined(own: RawHeaders, ours: RawHeaders) -> RawHeaders:
    """The answer's own headers win, except that `Vary` adds up."""
    joined = list(own)
    names = {name.lower() for name, _ in joined}
    joined.extend(header for header in ours if header[0] not in names or header[0] == b"vary")
    return joined


class _Receiver:
    """Counts what arrives and gives up a body that stalls or drips.

    Only the time counts in which we wait for the client; our own backpressure does not.
    """

    __slots__ = ("_complete", "_exchange", "_idle_seconds", "_rate", "_receive", "_waited")

    def __init__(self, receive: Receive, exchange: Exchange, options: EdgeOptions) -> None:
        self._receive = receive
        self._exchange = exchange
        self._idle_seconds = options.body_idle_seconds
        self._rate = options.body_bytes_per_second
        self._waited = 0.0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError:
            what = f"No byte of the body arrived for {self._idle_seconds:g} s"
            raise BodyStalled(what, "http.body_idle_seconds") from None
        if message["type"] == "http.request":
            self._exchange.bytes_in += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        else:
            self._complete = True
        self._waited += time.monotonic() - began
        if not self._complete:
            self._demand_speed()
        return message

    def _demand_speed(self) -> None:
        if self._waited < self._idle_seconds:
            return
        if self._exchange.bytes_in < self._rate * self._waited:
            what = f"The body arrived at less than {self._rate} bytes per second"
            raise BodyStalled(what, "http.body_bytes_per_second")
