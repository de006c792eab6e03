"""The parts of a role with their doors open: HTTP always."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from hilum import __version__
from hilum.adapters.telemetry.checks import DiskCheck, StateCheck
from hilum.adapters.telemetry.metrics import Metrics
from hilum.bootstrap import door_options as options
from hilum.bootstrap.archive import Archive, open_archive
from hilum.bootstrap.archive_view import has_view, open_view, view_followers
from hilum.bootstrap.audit import open_auditor
from hilum.bootstrap.bus import bus_checks, open_bus
from hilum.bootstrap.capabilities import capabilities_mounts
from hilum.bootstrap.delivery import DeliveryCheck, make_delivery, poll_seconds
from hilum.bootstrap.gauges import observe_disk
from hilum.bootstrap.identity import make_access
from hilum.bootstrap.object_store import object_store_checks, storage_kind
from hilum.bootstrap.partitions import open_partitions
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.bootstrap.roles import SERVED, Served
from hilum.bootstrap.tracing import open_tracing
from hilum.desk.readiness import IndexCheck, Readiness
from hilum.desk.status import Desk
from hilum.domain.occupancy import Hold
from hilum.domain.roles import Role
from hilum.foundation.clock import SystemClock
from hilum.outbound.events.streams import EventStreams
from hilum.ports.readiness import Check
from hilum.servers.dimse import DimseServer
from hilum.servers.http import POLLED, HttpServices, create_app
from hilum.servers.http_audit import Auditor
from hilum.servers.http_server import HttpServer
from hilum.servers.http_tracing import TracedApp
from hilum.settings import Settings
from hilum.wire.base_url import BaseUrl

_Opened = TypeVar("_Opened")


@dataclass(frozen=True, slots=True)
class Serving:
    """What is open, and where."""

    around: Surroundings
    parts: Sequence[Part]
    http: HttpServer

    @property
    def archive(self) -> Archive:
        return self.around.archive

    @property
    def dimse(self) -> DimseServer | None:
        """None when the port of DIMSE is 0, or the role has none."""
        return self._opened(DimseServer)

    @property
    def events(self) -> EventStreams | None:
        """None when the role has none."""
        return self._opened(EventStreams)

    def _opened(self, kind: type[_Opened]) -> _Opened | None:
        return next((part.opened for part in self.parts if isinstance(part.opened, kind)), None)


@asynccontextmanager
async def serve(settings: Settings, role: Role = Role.ALL) -> AsyncIterator[Serving]:
    """Open the archive and all doors; leaving closes the doors first and finishes what came in.

    Raises `DataFolderInUse`, `CannotListen`, `ArchiveFault`, `BusUnavailable`.
    """
    served = SERVED[role]
    async with AsyncExitStack() as stack:
        around = await _surroundings(settings, served, stack)
        parts = [await stack.enter_async_context(open_part(around)) for open_part in served.parts]
        auditor = stack.enter_context(open_auditor(settings))
        http = await stack.enter_async_context(_http(around, served, parts, auditor))
        for part in parts:
            stack.callback(part.hang_up)
        yield Serving(around, parts, http)


async def _surroundings(settings: Settings, served: Served, stack: AsyncExitStack) -> Surroundings:
    clock = SystemClock()
    metrics = Metrics(__version__, storage_kind(settings))
    tracing = await stack.enter_async_context(open_tracing(settings))
    archive = await stack.enter_async_context(
        open_archive(
            settings,
            hold=Hold.SERVER if served.is_whole else Hold.ROLE,
            meter=metrics.ingest,
            pixel_meter=metrics.pixels,
            derived_meter=metrics.derived,
            quarantine_meter=metrics.quarantine,
            tracing=tracing,
        )
    )
    observe_disk(metrics, archive, settings)
    partitions = await open_partitions(settings, archive.index.partitions)
    bus = await stack.enter_async_context(open_bus(settings))
    view = None
    if has_view(settings):
        view = await stack.enter_async_context(open_view(settings, archive.index, archive.objects))
    delivery = await stack.enter_async_context(
        make_delivery(
            settings,
            archive,
            clock,
            metrics.delivery,
            tracing,
            bus=bus if served.publishes else None,
            divided=not served.is_whole,
            more=view_followers(view) if served.keeps_view else (),
        )
    )
    return Surroundings(
        settings=settings,
        archive=archive,
        partitions=partitions,
        bus=bus,
        view=view if settings.archive_view.enabled else None,
        delivery=delivery,
        clock=clock,
        metrics=metrics,
        tracing=tracing,
        base_url=BaseUrl.of(settings.http.public_url, settings.http.trusted_proxies),
        poll_seconds=poll_seconds(settings, divided=not served.is_whole),
    )


def _http(
    around: Surroundings, served: Served, parts: Sequence[Part], auditor: Auditor
) -> HttpServer:
    settings, metrics = around.settings, around.metrics
    http = settings.http
    desk = _desk(around, served, parts)
    access = make_access(settings, around.archive.index.keys, around.clock, metrics.access)
    mounts = [mount for part in parts for mount in part.mounts]
    mounts += capabilities_mounts(mounts, around.base_url)
    services = HttpServices(
        access=access,
        desk=desk,
        metrics=metrics,
        partitions=around.partitions,
        mounts=[*mounts, *served.front(around, desk, access, mounts)],
        sockets=[socket for part in parts for socket in part.sockets],
        meter=metrics.http,
        cors=options.cors(settings),
        body_idle_seconds=http.body_idle_seconds,
        body_bytes_per_second=http.body_bytes_per_second,
        log_requests=settings.logging.requests,
        hosts=options.host_rule(settings),
        auditor=auditor,
        base_url=around.base_url,
        open_metrics=settings.telemetry.open_metrics,
    )
    app = create_app(services)
    if around.tracing is not None:
        app = TracedApp(app, around.tracing, untraced=POLLED)
    return HttpServer(app, options.http_options(settings), metrics.http)


def _desk(around: Surroundings, served: Served, parts: Sequence[Part]) -> Desk:
    settings, clock = around.settings, around.clock
    return Desk(
        version=__version__,
        statistics=around.archive.index,
        readiness=_readiness(around, parts),
        clock=clock,
        started=clock.now(),
        doors=lambda: [door for part in parts for door in part.doors()],
        viewer=lambda: options.viewer_path(settings),
        health_status=settings.telemetry.health_status,
        service=settings.telemetry.service_name or served.service,
        command_bytes=settings.http.command_bytes,
    )


def _readiness(around: Surroundings, parts: Sequence[Part]) -> Readiness:
    settings, archive = around.settings, around.archive
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
        DeliveryCheck(around.delivery),
        *bus_checks(around.bus),
        *(check for part in parts for check in part.checks),
    ]
    return Readiness(
        checks,
        around.clock,
        reuse_seconds=settings.telemetry.readiness_cache_seconds,
        timeout_seconds=settings.telemetry.readiness_seconds,
    )
