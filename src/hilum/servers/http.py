"""The HTTP application: every route, behind one gate, with one way to fail."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from hilum.access import Access, AccessScope
from hilum.catalogue.partitions import Partitions
from hilum.desk.documents import documents_router
from hilum.desk.health import health_router
from hilum.desk.metrics import MetricsPage, metrics_router
from hilum.desk.problem_pages import problems_router
from hilum.desk.status import Desk
from hilum.desk.surface_documents import (
    Described,
    surface_document,
    surface_document_router,
)
from hilum.ports.http_telemetry import HttpMeter, NoHttpMeter
from hilum.servers.http_audit import Auditor
from hilum.servers.http_cors import Cors
from hilum.servers.http_dispatch import Dispatch
from hilum.servers.http_edge import Edge, EdgeOptions
from hilum.servers.http_hosts import HostRule
from hilum.servers.http_places import PRERELEASE, Places
from hilum.servers.http_routes import Needed, RouteTable, scopes_of
from hilum.servers.http_sockets import SocketMount, Sockets
from hilum.wire.base_url import BaseUrl
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, SURFACES, Surface

_AZURE: Final = (AZURE_V1, AZURE_V2)
_VERSIONS: Final = [
    (b"api-supported-versions", b"1, 2"),
    (b"api-deprecated-versions", b"1.0-prerelease"),
]
POLLED: Final = frozenset({"/health", "/health/check", "/ready", "/metrics"})
_DESCRIPTION: Final = """
A DICOM imaging gateway: studies come in by any door, are kept once, and leave by any door.

`/dicom-web` is DICOMweb after PS3.18; `/v1` and `/v2` follow the Azure DICOM service. When
authentication is required, send `Authorization: Bearer` with an API key or a token, or the key in
`X-API-Key`. Every answer carries `X-Correlation-ID`, which finds the request in the log.
"""


class Mount(NamedTuple):
    """A router and where it is."""

    router: APIRouter
    prefix: str
    scope: Needed = None


@dataclass(frozen=True, slots=True)
class HttpServices:
    """What the application is made of; the bootstrap fills it."""

    access: Access
    desk: Desk
    metrics: MetricsPage
    partitions: Partitions
    mounts: Sequence[Mount]
    """What is served beside health, metrics and documents, in the order of the documents."""
    meter: HttpMeter = field(default_factory=NoHttpMeter)
    cors: Cors = field(default_factory=Cors)
    body_idle_seconds: float = 60.0
    body_bytes_per_second: int = 500
    log_requests: bool = True
    hosts: HostRule | None = None
    """Names a request may call us by; None: any."""
    auditor: Auditor = field(default_factory=Auditor)
    sockets: Sequence[SocketMount] = ()
    base_url: BaseUrl = field(default_factory=BaseUrl)
    open_metrics: bool = False
    """Serve `/metrics` to everybody although authentication is required."""


def create_app(services: HttpServices) -> ASGIApp:
    """The application, ready to be served.

    Inside is a FastAPI application, so that its routers make the OpenAPI document; requests are
    answered by the table of routes and never reach it.
    """
    app = FastAPI(
        title="Hilum",
        version=services.desk.version,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    desk = services.desk
    metrics_scope = None if services.open_metrics else AccessScope.READ
    mounts = [
        *services.mounts,
        Mount(health_router(desk.readiness, desk.health_status, desk.service), ""),
        Mount(metrics_router(services.metrics, desk.statistics), "", metrics_scope),
        Mount(documents_router(app.openapi), ""),
        Mount(problems_router(), ""),
    ]
    mounts += [_document_of(surface, mounts, services) for surface in _AZURE]
    table = RouteTable()
    for router, prefix, scope in mounts:
        app.include_router(router, prefix=prefix)
        table.include(router, prefix, scope)
    return _edge(services, table, app)


def _document_of(surface: Surface, mounts: Sequence[Mount], services: HttpServices) -> Mount:
    """The route of the OpenAPI document of one surface."""
    described = [
        Described(router, [scope.value for scope in scopes_of(needed)])
        for router, prefix, needed in mounts
        if prefix == surface.prefix
    ]
    version = services.desk.version
    router = surface_document_router(
        lambda: surface_document([*described, Described(router, ())], surface, version),
        surface,
        services.base_url,
    )
    return Mount(router, surface.prefix)


def _edge(services: HttpServices, table: RouteTable, app: FastAPI) -> ASGIApp:
    options = EdgeOptions(
        cors=services.cors,
        body_idle_seconds=services.body_idle_seconds,
        body_bytes_per_second=services.body_bytes_per_second,
        log_requests=services.log_requests,
        hosts=services.hosts,
        headers_by_prefix=dict.fromkeys((*(each.prefix for each in _AZURE), PRERELEASE), _VERSIONS),
    )
    places = Places(services.partitions)
    dispatch = Dispatch(
        app,
        table=table,
        access=services.access,
        meter=services.meter,
        surfaces=SURFACES,
        places=places,
        quiet=POLLED,
        auditor=services.auditor,
    )
    edge = Edge(dispatch, meter=services.meter, options=options)
    return Sockets(
        edge,
        services.sockets,
        access=services.access,
        cors=services.cors,
        hosts=services.hosts,
        meter=services.meter,
        places=places,
        auditor=services.auditor,
    )
