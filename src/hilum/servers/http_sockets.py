"""WebSockets: the same rules as for requests, then the door that answers.

Browsers let pages of any site open a WebSocket anywhere and read what it says, CORS or not; they
name the page in `Origin`. So a page of another origin is refused unless `cors.allowed_origins` has
it. Programs that are no browsers send no Origin.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from hilum.access import EVERYBODY, NOBODY, Access, AccessScope
from hilum.domain.errors import HilumError
from hilum.foundation.correlation import CORRELATION_ID
from hilum.foundation.ids import accepted_correlation_id
from hilum.ports.http_telemetry import HttpMeter
from hilum.servers.http_audit import Auditor
from hilum.servers.http_cors import Cors
from hilum.servers.http_edge import CLIENT_GONE
from hilum.servers.http_hosts import HostRule, refuse_host
from hilum.servers.http_places import Places, Way
from hilum.servers.http_sites import refuse_site
from hilum.wire.problems import error_response

log = structlog.get_logger()

_SWITCHED: Final = 101


class SocketMount(NamedTuple):
    """A door that is reached by WebSocket."""

    prefix: str
    """Of the path; one more segment follows, which the endpoint gets."""
    endpoint: Callable[[WebSocket, str], Awaitable[None]]
    """Accepts the connection, or raises before it does."""
    scope: AccessScope

    @property
    def template(self) -> str:
        return f"{self.prefix}/{{ae_title}}"


class Sockets:
    """ASGI middleware around `Edge`, which knows requests only."""

    def __init__(
        self,
        app: ASGIApp,
        mounts: Sequence[SocketMount],
        *,
        access: Access,
        cors: Cors,
        hosts: HostRule | None,
        meter: HttpMeter,
        places: Places,
        auditor: Auditor,
    ) -> None:
        self._app = app
        self._auditor = auditor
        self._places = places
        self._mounts = mounts
        self._access = access
        self._cors = cors
        self._hosts = hosts
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        correlation_id = accepted_correlation_id(_text(headers.get(b"x-correlation-id")))
        scope.setdefault("state", {})["correlation_id"] = correlation_id
        token = CORRELATION_ID.set(correlation_id)
        watched = _Watched(send, lambda status: self._auditor.end(scope, status, correlation_id))
        way = self._places.way(scope["path"])
        mount, name = self._find(way.path)
        started = time.perf_counter()
        self._meter.began()
        try:
            await self._serve(mount, name, way, scope, receive, watched)
        finally:
            self._auditor.end(scope, CLIENT_GONE, correlation_id)  # unless it was answered
            template = "unknown" if mount is None else mount.template
            self._tell(template, watched.status, time.perf_counter() - started)
            CORRELATION_ID.reset(token)

    async def _serve(
        self,
        mount: SocketMount | None,
        name: str,
        way: Way,
        scope: Scope,
        receive: Receive,
        send: "_Watched",
    ) -> None:
        origin = _text(dict(scope["headers"]).get(b"origin"))
        if self._hosts is not None and not self._hosts.allows(scope):
            await refuse_host(send.answer)
        elif origin is not None and not self._is_ours(scope, origin):
            await refuse_site(send.answer)
        else:
            try:
                await self._answer(mount, name, way, WebSocket(scope, receive, send))
            except Exception as error:
                if not isinstance(error, HilumError | HTTPException):
                    log.exception("request_failed", route=mount.prefix if mount else "unknown")
                if send.status:
                    raise
                state = scope["state"]["correlation_id"]
                response = error_response(error, dicomweb=True, correlation_id=state)
                await response(scope, receive, send)

    async def _answer(
        self, mount: SocketMount | None, name: str, way: Way, socket: WebSocket
    ) -> None:
        if mount is None:
            raise HTTPException(404)
        self._auditor.begin(socket.scope, mount.scope, mount.template, {}, way.partition)
        await self._admit(socket.scope, mount)
        place = await self._places.place(way, "GET", mount.prefix)
        if place is not None:
            socket.scope["state"]["place"] = place
        await mount.endpoint(socket, name)

    async def _admit(self, scope: MutableMapping[str, Any], mount: SocketMount) -> None:
        principal = NOBODY if self._access.required else EVERYBODY
        if self._access.required:
            headers = dict(scope["headers"])
            principal = await self._access.authenticate(
                _text(headers.get(b"authorization")), _text(headers.get(b"x-api-key"))
            )
            scope["state"]["principal"] = principal  # also of whom is refused now
            self._access.demand(principal, mount.scope)
        scope["state"]["principal"] = principal

    def _find(self, path: str) -> tuple[SocketMount | None, str]:
        prefix, _, name = path.rstrip("/").rpartition("/")
        mount = next((each for each in self._mounts if each.prefix == prefix), None)
        return mount, name

    def _is_ours(self, scope: Scope, origin: str) -> bool:
        """Whether the page is of this server's own origin, or of one that is allowed."""
        host = _text(dict(scope["headers"]).get(b"host")) or ""
        own = urlsplit(origin).netloc.lower() == host.lower() and bool(host)
        return own or self._cors.allows(origin)

    def _tell(self, template: str, status: int, seconds: float) -> None:
        self._meter.ended(
            route=template, method="GET", status=status or 499, seconds=seconds, bytes_in=0,
            bytes_out=0,
        )  # fmt: skip
        log.info("http_websocket", route=template, status=status, seconds=round(seconds, 6))


class _Watched:
    """Sends, and notes how the handshake ended."""

    __slots__ = ("_answered", "_send", "status")

    def __init__(self, send: Send, answered: Callable[[int], None]) -> None:
        self._send = send
        self._answered = answered
        self.status = 0

    async def __call__(self, message: Message) -> None:
        before = self.status
        if message["type"] == "websocket.accept":
            self.status = _SWITCHED
        elif message["type"] == "websocket.http.response.start":
            self.status = message["status"]
        if before != self.status:
            self._answered(self.status)
        await self._send(message)

    async def answer(self, message: Message) -> None:
        """Send a part of an answer to an HTTP request in place of the handshake."""
        await self({**message, "type": f"websocket.{message['type']}"})


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
