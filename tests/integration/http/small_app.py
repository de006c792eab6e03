"""Edge, dispatch and server around a few routes that behave badly on purpose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hilum.access import Access, AccessScope, ApiKeys
from hilum.catalogue.partitions import Partitions
from hilum.domain.errors import ArchiveFull, LimitExceeded
from hilum.servers.http_audit import Auditor
from hilum.servers.http_cors import Cors
from hilum.servers.http_dispatch import Dispatch
from hilum.servers.http_edge import Edge, EdgeOptions
from hilum.servers.http_places import Places
from hilum.servers.http_protocol import ConnectionLimits
from hilum.servers.http_routes import RouteTable
from hilum.servers.http_server import HttpServer, HttpServerOptions
from hilum.wire.surfaces import SURFACES
from tests.partition_twin import MemoryPartitions
from tests.unit.access.twins import HeldClock, MemoryKeys

PLANTED = "a-planted-secret"


@dataclass
class CountingHttpMeter:
    """HttpMeter that remembers."""

    open: int = 0
    answered: list[tuple[str, str, int, int, int]] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def began(self) -> None:
        self.open += 1

    def ended(
        self,
        *,
        route: str,
        method: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        self.open -= 1
        assert seconds >= 0
        self.answered.append((route, method, status, bytes_in, bytes_out))
        self.told.set()

    def limited(self, limit: str) -> None:
        self.limits.append(limit)


def _add_bad_routes(router: APIRouter) -> None:
    @router.get("/bug")
    async def bug() -> Response:
        raise ValueError(PLANTED)

    @router.get("/full")
    async def full() -> Response:
        message = "There is no space."
        raise ArchiveFull(message)

    @router.get("/limit")
    async def limit() -> Response:
        raise LimitExceeded("stow.parts", 3, "Too many parts")

    @router.get("/broken")
    async def broken() -> Response:
        async def half() -> AsyncIterator[bytes]:
            yield b"half an answer"
            raise ValueError(PLANTED)

        return StreamingResponse(half())


@dataclass
class SmallApp:
    """The routes and what happened to them."""

    meter: CountingHttpMeter = field(default_factory=CountingHttpMeter)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    finished: list[str] = field(default_factory=list)

    def router(self) -> APIRouter:
        router = APIRouter()
        self._add_good_routes(router)
        _add_bad_routes(router)
        return router

    def _add_good_routes(self, router: APIRouter) -> None:

        @router.get("/hello/{name}")
        async def hello(name: str) -> Response:
            return Response(name, headers={"Vary": "Accept"})

        @router.post("/echo")
        async def echo(request: Request) -> Response:
            return Response(await request.body())

        @router.get("/state")
        async def state(request: Request) -> Response:
            return Response(request.state.correlation_id)

        @router.api_route("/slow", methods=["GET", "POST"])
        async def slow() -> Response:
            self.entered.set()
            await self.release.wait()
            self.finished.append("slow")
            return Response("done")

        @router.get("/endless")
        async def endless() -> Response:
            async def zeros() -> AsyncIterator[bytes]:
                self.entered.set()
                while True:
                    yield bytes(1 << 20)

            return StreamingResponse(zeros())

    @asynccontextmanager
    async def served(
        self,
        options: EdgeOptions | None = None,
        limits: ConnectionLimits | None = None,
        cors: Cors | None = None,
        **server: Any,
    ) -> AsyncIterator[HttpServer]:
        table = RouteTable()
        table.include(self.router(), "", None)
        table.include(self.router(), "/v2", AccessScope.READ)
        app = FastAPI(openapi_url=None)
        dispatch = Dispatch(
            app,
            table=table,
            access=Access(required=False, keys=ApiKeys(MemoryKeys(), HeldClock())),
            meter=self.meter,
            surfaces=SURFACES,
            places=Places(Partitions(MemoryPartitions())),
            auditor=Auditor(),
            quiet=frozenset({"/state"}),
        )
        options = options or EdgeOptions(
            cors=cors or Cors(),
            headers_by_prefix={"/v2": [(b"api-supported-versions", b"v1, v2")]},
        )
        edge = Edge(dispatch, meter=self.meter, options=options)
        chosen = HttpServerOptions(
            port=0,
            limits=limits or ConnectionLimits(),
            **server,
        )
        async with HttpServer(edge, chosen, self.meter) as running:
            yield running
