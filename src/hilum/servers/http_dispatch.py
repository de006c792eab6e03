"""From a request to the handler that answers it: route, credentials, scope, errors."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hilum.access import EVERYBODY, NOBODY, Access
from hilum.domain.errors import HilumError, InvalidQuery, LimitExceeded, ShuttingDown
from hilum.ports.http_telemetry import HttpMeter
from hilum.servers.http_attendance import SAFE_METHODS, attended
from hilum.servers.http_audit import Auditor, uids_in_path, uids_in_query
from hilum.servers.http_edge import CLIENT_GONE, BodyStalled
from hilum.servers.http_exchange import Exchange, exchange_of
from hilum.servers.http_places import Footing, Places
from hilum.servers.http_routes import Found, RouteTable, Target
from hilum.wire.problems import error_response
from hilum.wire.surfaces import Surface

log = structlog.get_logger()


class ResponseBrokenOff(Exception):
    """An answer that had begun cannot be finished; the connection is closed so that it shows."""


class Dispatch:
    """ASGI middleware that answers everything; `Edge` must be around it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        table: RouteTable,
        access: Access,
        meter: HttpMeter,
        surfaces: Sequence[Surface],
        places: Places,
        quiet: frozenset[str],
        auditor: Auditor,
    ) -> None:
        self._app = app
        self._table = table
        self._access = access
        self._meter = meter
        self._surfaces: Mapping[str, Surface] = {each.prefix: each for each in surfaces}
        self._places = places
        self._quiet = quiet
        self._auditor = auditor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = exchange_of(scope)
        try:
            response = await self._answer(scope, receive, exchange)
            await response(scope, receive, send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only a shutdown whose time is over cancels; nobody waits for this task.
            message = "The server is shutting down and could not wait any longer."
            await self._fail(ShuttingDown(message), scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the edge of the process: rendered or told
            await self._fail(error, scope, receive, send)
        finally:
            status = exchange.status if exchange.complete else CLIENT_GONE
            self._auditor.end(scope, status, exchange.correlation_id)

    async def _answer(self, scope: Scope, receive: Receive, exchange: Exchange) -> Response:
        way = self._places.way(scope["path"])
        found = self._table.find(way.path)
        if found is None or (way.partition is not None and way.footing is Footing.WHOLE):
            raise HTTPException(404)
        if way.root is not None and way.root.plain_queries:
            _demand_plain(scope["query_string"])
        target = self._target(found, scope["method"], exchange)
        if isinstance(target, Response):
            return target
        self._note(scope, target, found.segments, way.partition)
        await self._admit(scope, target)
        place = await self._places.place(way, scope["method"], target.template)
        if place is not None:
            scope["state"]["place"] = place
        answer = target.answer(Request(scope, receive), found.segments)
        return await (attended(receive, answer) if scope["method"] in SAFE_METHODS else answer)

    def _note(
        self, scope: Scope, target: Target, segments: Sequence[str], partition: str | None
    ) -> None:
        """For the audit trail; nothing of what needs no scope or is polled by machines."""
        if not target.scopes or target.template in self._quiet:
            return
        uids = uids_in_path(target.parameters, segments)
        if target.template.endswith("/wado"):
            uids = uids_in_query(scope["query_string"])
        self._auditor.begin(scope, target.scopes[0], target.template, uids, partition)

    def _target(self, found: Found, method: str, exchange: Exchange) -> Target | Response:
        exchange.template = next(iter(found.targets.values())).template
        exchange.quiet = exchange.template in self._quiet
        target = found.targets.get(method)
        if target is not None:
            exchange.template = target.template
            return target
        allow = ", ".join(sorted({*found.targets, "OPTIONS"}))
        if method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allow})
        raise HTTPException(405, headers={"Allow": allow})

    async def _admit(self, scope: Scope, target: Target) -> None:
        principal = NOBODY if self._access.required else EVERYBODY
        if target.scopes and self._access.required:
            headers = dict(scope["headers"])
            principal = await self._access.authenticate(
                _text(headers.get(b"authorization")), _text(headers.get(b"x-api-key"))
            )
            scope.setdefault("state", {})["principal"] = principal  # also of whom is refused now
            self._access.demand(principal, *target.scopes)
        scope.setdefault("state", {})["principal"] = principal

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        if not isinstance(error, HilumError | HTTPException):
            log.error("request_failed", route=exchange.template, exc_info=error)
        if exchange.status:
            if isinstance(error, HilumError):
                log.warning("response_broken_off", route=exchange.template, code=error.code)
            raise ResponseBrokenOff from error
        if isinstance(error, LimitExceeded):
            self._meter.limited(error.limit)
        surface = self._surface(self._places.way(scope["path"]).path)
        response = error_response(
            error,
            dicomweb=surface is not None,
            correlation_id=exchange.correlation_id,
            surface=surface,
        )
        if isinstance(error, BodyStalled):
            self._meter.limited(error.setting)
            response.status_code = 408
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _surface(self, path: str) -> Surface | None:
        return self._surfaces.get("/" + path[1:].partition("/")[0])


def _demand_plain(query_string: bytes) -> None:
    if b"<" in query_string or b"%3c" in query_string.lower():
        raise InvalidQuery("", "the character '<' is not taken here")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
