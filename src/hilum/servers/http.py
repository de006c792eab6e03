"""The HTTP application: every route, behind one gate, with one way to fail."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from hilum.access import Access, AccessScope
from hilum.catalogue.bulk_data import BulkData
from hilum.catalogue.delete import Delete
from hilum.catalogue.frames import Frames
from hilum.catalogue.retrieve import Retrieve
from hilum.catalogue.search import Search
from hilum.delivery.operating import Operating
from hilum.desk.api import api_router
from hilum.desk.arrivals import arrivals_router
from hilum.desk.capabilities import capabilities_router
from hilum.desk.delivery import delivery_commands_router, subscriptions_router
from hilum.desk.documents import documents_router
from hilum.desk.feed import feed_router
from hilum.desk.health import health_router
from hilum.desk.landing import landing_router
from hilum.desk.metrics import MetricsPage, metrics_router
from hilum.desk.problem_pages import problems_router
from hilum.desk.status import Desk
from hilum.desk.surfaces import surface_router
from hilum.desk.viewer.routes import ViewerOptions, viewer_router
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.dicomweb.intake import Ingest, StowLimits
from hilum.inbound.dicomweb.stow import stow_router
from hilum.inbound.orthanc.webhook import Calls, no_orthanc_router, webhook_router
from hilum.outbound.dicomweb.bulk import bulk_router
from hilum.outbound.dicomweb.delete import delete_router
from hilum.outbound.dicomweb.frames import frames_router
from hilum.outbound.dicomweb.qido import qido_router
from hilum.outbound.dicomweb.rendered import PictureServices, rendered_routers
from hilum.outbound.dicomweb.wado import wado_router
from hilum.outbound.dicomweb.wado_uri import wado_uri_router
from hilum.outbound.events.route import events_router
from hilum.outbound.events.streams import EventStreams
from hilum.ports.arrivals import ArrivalList
from hilum.ports.http_telemetry import HttpMeter, NoHttpMeter
from hilum.ports.index import FeedReader
from hilum.ports.objects import Spool
from hilum.servers.http_cors import Cors
from hilum.servers.http_dispatch import Dispatch
from hilum.servers.http_edge import Edge, EdgeOptions
from hilum.servers.http_hosts import HostRule
from hilum.servers.http_routes import RouteTable
from hilum.wire.base_url import BaseUrl
from hilum.wire.bulk_telling import BulkURIs
from hilum.wire.search_rules import SearchLimits
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, SURFACES, Surface

_AZURE: Final = (AZURE_V1, AZURE_V2)
_VERSIONS: Final = [(b"api-supported-versions", b"v1, v2")]
POLLED: Final = frozenset({"/health", "/health/check", "/ready", "/metrics"})
_DESCRIPTION: Final = """
A DICOM imaging gateway: studies come in by any door, are kept once, and leave by any door.

`/dicom-web` is DICOMweb after PS3.18; `/v1` and `/v2` follow the Azure DICOM service. When
authentication is required, send `Authorization: Bearer` with an API key or a token, or the key in
`X-API-Key`. Every answer carries `X-Correlation-ID`, which finds the request in the log.
"""


@dataclass(frozen=True, slots=True)
class HttpServices:
    """What the application is made of; the bootstrap fills it."""

    access: Access
    desk: Desk
    metrics: MetricsPage
    ingest: Ingest
    spool: Spool
    search: Search
    retrieve: Retrieve
    frames: Frames
    bulk: BulkData
    pictures: PictureServices
    delete: Delete
    feed: FeedReader
    operating: Operating
    arrivals: ArrivalList
    orthanc: Calls | None = None
    """None: there is no Orthanc to fetch from."""
    events: EventStreams | None = None
    """None: nobody can listen."""
    meter: HttpMeter = field(default_factory=NoHttpMeter)
    stow_limits: StowLimits = field(default_factory=StowLimits)
    search_limits: SearchLimits = field(default_factory=SearchLimits)
    base_url: BaseUrl = field(default_factory=BaseUrl)
    retrieve_cache_seconds: float = 0.0
    """How long a browser may use an instance or a frame without asking again."""
    thumbnail_side: int = 200
    """Pixels of the longer side of a thumbnail whose size is left open."""
    bulk_uris: BulkURIs = BulkURIs.ABSOLUTE
    cors: Cors = field(default_factory=Cors)
    body_idle_seconds: float = 60.0
    body_bytes_per_second: int = 500
    log_requests: bool = True
    hosts: HostRule | None = None
    """Names a request may call us by; None: any."""
    viewer: ViewerOptions | None = None
    """None: no viewer is served."""
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
    table = RouteTable()
    for router, prefix, scope in _routers(services, app.openapi):
        app.include_router(router, prefix=prefix)
        table.include(router, prefix, scope)
    return _edge(services, table, app)


Routers = list[tuple[APIRouter, str, AccessScope | None]]


def _routers(services: HttpServices, openapi: Callable[[], dict[str, Any]]) -> Routers:
    desk, access = services.desk, services.access
    metrics_scope = None if services.open_metrics else AccessScope.READ
    routers: Routers = []
    budget = MemoryBudget(services.stow_limits.memory_bytes)
    for surface in reversed(SURFACES):
        of_surface = _surface_routers(services, surface, budget)
        told = [router for router, _, scope in of_surface if scope is not None]
        capabilities = capabilities_router(told, surface, base_url=services.base_url)
        routers += [*of_surface, (capabilities, surface.prefix, None)]
    routers += [
        (api_router(desk), "/api/v1", AccessScope.READ),
        (feed_router(services.feed), "/api/v1", AccessScope.READ),
        (subscriptions_router(services.operating), "/api/v1", AccessScope.READ),
        (
            delivery_commands_router(services.operating, desk.command_bytes),
            "/api/v1",
            AccessScope.EVERYTHING,
        ),
        (arrivals_router(services.arrivals), "/api/v1", AccessScope.READ),
        (health_router(desk.readiness, desk.health_status), "", None),
        (metrics_router(services.metrics, desk.statistics), "", metrics_scope),
        (landing_router(desk, access), "", None),
        (documents_router(openapi), "", None),
        (problems_router(), "", None),
    ]
    if services.viewer is not None:
        viewer = viewer_router(services.viewer, services.base_url)
        routers.append((viewer, services.viewer.path, None))
    if services.events is not None:
        routers.append((events_router(services.events), "/api/v1", AccessScope.READ))
    calls = services.orthanc
    webhook = no_orthanc_router() if calls is None else webhook_router(calls)
    routers.append((webhook, "/api/v1", AccessScope.WRITE))
    return routers


def _surface_routers(services: HttpServices, surface: Surface, budget: MemoryBudget) -> Routers:
    base_url, prefix = services.base_url, surface.prefix
    cache_seconds = services.retrieve_cache_seconds
    stow = stow_router(
        services.ingest,
        services.spool,
        surface,
        services.stow_limits,
        base_url=base_url,
        budget=budget,
    )
    wado = wado_router(
        services.retrieve,
        surface,
        base_url=base_url,
        cache_seconds=cache_seconds,
        bulk_uris=services.bulk_uris,
        bulk=services.bulk,
    )
    frames = frames_router(services.frames, surface, base_url=base_url, cache_seconds=cache_seconds)
    pictures = rendered_routers(
        services.pictures,
        surface,
        base_url=base_url,
        cache_seconds=cache_seconds,
        thumbnail_side=services.thumbnail_side,
    )
    bulk = []
    if surface.retrieve.tells_bulk_data:
        bulk.append(
            bulk_router(services.bulk, surface, base_url=base_url, cache_seconds=cache_seconds)
        )
    by_uri = []
    if surface.offers_wado_uri:
        by_uri.append(
            wado_uri_router(
                services.retrieve,
                services.pictures,
                surface,
                base_url=base_url,
                cache_seconds=cache_seconds,
            )
        )
    qido = qido_router(services.search, surface, base_url=base_url, limits=services.search_limits)
    return [
        (surface_router(surface), prefix, None),
        (qido, prefix, AccessScope.READ),
        (wado, prefix, AccessScope.READ),
        (frames, prefix, AccessScope.READ),
        *((router, prefix, AccessScope.READ) for router in (*bulk, *pictures, *by_uri)),
        (stow, prefix, AccessScope.WRITE),
        (delete_router(services.delete, surface), prefix, AccessScope.DELETE),
    ]


def _edge(services: HttpServices, table: RouteTable, app: FastAPI) -> ASGIApp:
    options = EdgeOptions(
        cors=services.cors,
        body_idle_seconds=services.body_idle_seconds,
        body_bytes_per_second=services.body_bytes_per_second,
        log_requests=services.log_requests,
        hosts=services.hosts,
        headers_by_prefix={surface.prefix[1:]: _VERSIONS for surface in _AZURE},
    )
    dispatch = Dispatch(
        app,
        table=table,
        access=services.access,
        meter=services.meter,
        surfaces=SURFACES,
        partitioned=_AZURE,
        quiet=POLLED,
    )
    return Edge(dispatch, meter=services.meter, options=options)
