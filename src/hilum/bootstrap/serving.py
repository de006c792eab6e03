"""The archive with its doors open: HTTP always, DIMSE unless its port is 0."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hilum import __version__
from hilum.adapters.telemetry.checks import DiskCheck, StateCheck
from hilum.adapters.telemetry.metrics import Metrics
from hilum.bootstrap import door_options as options
from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.bus import OpenBus, bus_checks, open_bus
from hilum.bootstrap.delivery import DeliveryCheck, make_delivery, operating
from hilum.bootstrap.events import make_streams
from hilum.bootstrap.gauges import observe_disk
from hilum.bootstrap.identity import make_access
from hilum.bootstrap.object_store import object_store_checks, storage_kind
from hilum.bootstrap.orthanc import OrthancCheck, orthanc_calls, orthanc_door, waking
from hilum.bootstrap.tracing import open_tracing
from hilum.delivery.operating import Operating
from hilum.desk.readiness import IndexCheck, Readiness
from hilum.desk.status import Desk, DoorAddress
from hilum.domain.occupancy import Hold
from hilum.foundation.clock import SystemClock
from hilum.inbound.dimse.store import CStoreDoor
from hilum.inbound.orthanc.webhook import Calls
from hilum.outbound.events.streams import EventStreams
from hilum.ports.readiness import Check
from hilum.ports.tracing import Tracing
from hilum.servers.dimse import DimseServer
from hilum.servers.http import POLLED, HttpServices, create_app
from hilum.servers.http_server import HttpServer
from hilum.servers.http_tracing import TracedApp
from hilum.settings import Settings
from hilum.wire.base_url import BaseUrl
from hilum.wire.bulk_telling import BulkURIs
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD


@dataclass(frozen=True, slots=True)
class Serving:
    """What is open, and where."""

    archive: Archive
    http: HttpServer
    dimse: DimseServer | None
    events: EventStreams
    bus: OpenBus


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[Serving]:
    """Open the archive and all doors; leaving closes the doors first and finishes what came in.

    Raises `DataFolderInUse`, `CannotListen`, `ArchiveFault`, `BusUnavailable`.
    """
    clock = SystemClock()
    metrics = Metrics(__version__, storage_kind(settings))
    async with AsyncExitStack() as stack:
        tracing = await stack.enter_async_context(open_tracing(settings))
        archive = await stack.enter_async_context(
            open_archive(
                settings,
                hold=Hold.SERVER,
                meter=metrics.ingest,
                pixel_meter=metrics.pixels,
                derived_meter=metrics.derived,
                tracing=tracing,
            )
        )
        observe_disk(metrics, archive, settings)
        bus = await stack.enter_async_context(open_bus(settings))
        delivery = await stack.enter_async_context(
            make_delivery(settings, archive, clock, metrics.delivery, tracing)
        )
        dimse = None
        if settings.dimse.port:
            dimse = await stack.enter_async_context(_dimse(settings, archive, metrics))
        orthanc = await stack.enter_async_context(
            orthanc_door(settings, archive, archive.index.delivery, metrics.ingestion, clock)
        )
        await stack.enter_async_context(waking(orthanc, archive.index.arrivals.noted))
        checks: list[Check] = [DeliveryCheck(delivery), *bus_checks(bus)]
        if orthanc is not None:
            checks.append(OrthancCheck(orthanc))
        desk = Desk(
            version=__version__,
            statistics=archive.index,
            readiness=_readiness(settings, archive, dimse, clock, checks),
            clock=clock,
            started=clock.now(),
            doors=lambda: _addresses(settings, dimse),
            viewer=lambda: options.viewer_path(settings),
            health_status=settings.telemetry.health_status,
            command_bytes=settings.http.command_bytes,
        )
        calls = orthanc_calls(settings, archive, orthanc)
        streams = make_streams(settings, archive)
        metrics.observe("hilum_event_stream_clients", lambda: streams.open)
        http = await stack.enter_async_context(
            _http(
                settings,
                archive,
                desk,
                metrics,
                calls,
                streams,
                operating(archive, delivery),
                tracing,
            )
        )
        stack.callback(streams.close)
        yield Serving(archive, http, dimse, streams, bus)


def _dimse(settings: Settings, archive: Archive, metrics: Metrics) -> DimseServer:
    door = CStoreDoor(
        archive.receive,
        settings.dimse.validation_profile,
        options.dimse_on_conflict(settings),
    )
    return DimseServer(options.dimse_options(settings), door, archive.spool, metrics.dimse)


def _http(
    settings: Settings,
    archive: Archive,
    desk: Desk,
    metrics: Metrics,
    calls: Calls | None,
    streams: EventStreams,
    subscriptions: Operating,
    tracing: Tracing | None,
) -> HttpServer:
    http = settings.http
    services = HttpServices(
        access=make_access(settings, archive.index.keys, desk.clock, metrics.access),
        desk=desk,
        metrics=metrics,
        ingest=archive.receive,
        spool=archive.spool,
        search=archive.search,
        retrieve=archive.retrieve,
        frames=archive.frames,
        bulk=archive.bulk,
        pictures=archive.pictures,
        thumbnail_side=settings.retrieve.thumbnail_side,
        delete=archive.delete,
        feed=archive.index,
        operating=subscriptions,
        arrivals=archive.index.arrivals,
        orthanc=calls,
        events=streams,
        meter=metrics.http,
        stow_limits=options.stow_limits(settings),
        search_limits=options.search_limits(settings),
        base_url=BaseUrl.of(http.public_url, http.trusted_proxies),
        retrieve_cache_seconds=settings.retrieve.cache_seconds,
        bulk_uris=BulkURIs(settings.retrieve.bulk_uris),
        cors=options.cors(settings),
        body_idle_seconds=http.body_idle_seconds,
        body_bytes_per_second=http.body_bytes_per_second,
        log_requests=settings.logging.requests,
        hosts=options.host_rule(settings),
        viewer=options.viewer(settings),
        open_metrics=settings.telemetry.open_metrics,
    )
    app = create_app(services)
    if tracing is not None:
        app = TracedApp(app, tracing, untraced=POLLED)
    return HttpServer(app, options.http_options(settings), metrics.http)


def _readiness(
    settings: Settings,
    archive: Archive,
    dimse: DimseServer | None,
    clock: SystemClock,
    more: Sequence[Check],
) -> Readiness:
    checks: list[Check] = [
        IndexCheck(archive.index),
        DiskCheck(archive.folder, settings.storage.reserve_bytes),
        *object_store_checks(archive.objects),
        StateCheck(
            "committer",
            lambda: archive.committer.alive,
            "Commits what arrives.",
            "The committer has ended: see the log, and restart the server.",
        ),
        *more,
    ]
    if dimse is not None:
        listener = dimse
        checks.append(
            StateCheck(
                "dimse",
                lambda: listener.listening,
                f"Listening on port {listener.port}.",
                "The DIMSE listener has ended: see the log, and restart the server.",
            )
        )
    return Readiness(
        checks,
        clock,
        reuse_seconds=settings.telemetry.readiness_cache_seconds,
        timeout_seconds=settings.telemetry.readiness_seconds,
    )


def _addresses(settings: Settings, dimse: DimseServer | None) -> Sequence[DoorAddress]:
    addresses = [
        DoorAddress("DICOMweb (PS3.18)", STANDARD.prefix, "Store, search, retrieve, delete"),
        DoorAddress("DICOMweb (Azure v2)", AZURE_V2.prefix, "As the Azure DICOM service, v2"),
        DoorAddress("DICOMweb (Azure v1)", AZURE_V1.prefix, "As the Azure DICOM service, v1"),
    ]
    if dimse is not None:
        title, host = settings.dimse.ae_title, settings.dimse.host
        address = f"{title} at {host}:{dimse.port}"
        addresses.append(DoorAddress("DIMSE", address, "C-ECHO and C-STORE"))
    return addresses
