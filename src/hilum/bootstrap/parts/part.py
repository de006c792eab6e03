"""What parts get, and what they give."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from hilum.access import Access
from hilum.adapters.telemetry.metrics import Metrics
from hilum.bootstrap.archive import Archive
from hilum.bootstrap.bus import OpenBus
from hilum.catalogue.partitions import Partitions
from hilum.delivery.service import Delivery
from hilum.desk.status import Desk, DoorAddress
from hilum.foundation.clock import SystemClock
from hilum.ports.archive_view import ArchiveView
from hilum.ports.readiness import Check
from hilum.ports.tracing import Tracing
from hilum.servers.http import Mount
from hilum.servers.http_sockets import SocketMount
from hilum.settings import Settings
from hilum.wire.base_url import BaseUrl


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all parts of a process share."""

    settings: Settings
    archive: Archive
    partitions: Partitions
    bus: OpenBus
    view: ArchiveView | None
    """Written for each submission; None when the settings want no view."""
    delivery: Delivery
    clock: SystemClock
    metrics: Metrics
    tracing: Tracing | None
    base_url: BaseUrl
    poll_seconds: float
    """How often to look for what other processes did."""


def nothing() -> None:
    """Needs no ending before its context is left."""


@dataclass(frozen=True, slots=True)
class Part:
    """What an open part adds."""

    mounts: Sequence[Mount] = ()
    sockets: Sequence[SocketMount] = ()
    checks: Sequence[Check] = ()
    doors: Callable[[], Sequence[DoorAddress]] = tuple
    """Asked at each page, since ports are known only when the doors are open."""
    hang_up: Callable[[], None] = nothing
    """Ends answers that would never end; called before the HTTP server closes."""
    opened: object = None
    """What it opened, for whoever serves."""


OpenPart = Callable[[Surroundings], AbstractAsyncContextManager[Part]]
"""Opens a part; parts are opened in their order and left in the opposite one, HTTP before all."""

Front = Callable[[Surroundings, Desk, Access, Sequence[Mount]], Sequence[Mount]]
"""What is at `/` and below `/api/v1`, made of what all parts told and mounted."""
