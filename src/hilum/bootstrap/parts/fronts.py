"""What is at `/`: the desk of a whole gateway, or a few words about one role."""

from collections.abc import Iterator, Sequence

from fastapi.routing import APIRoute

from hilum.access import Access, AccessScope
from hilum.bootstrap.delivery import operating
from hilum.bootstrap.parts.part import Surroundings
from hilum.bootstrap.validation import deep_profiles
from hilum.desk.api import api_router
from hilum.desk.arrivals import arrivals_router
from hilum.desk.delivery import delivery_commands_router, subscriptions_router
from hilum.desk.feed import feed_router
from hilum.desk.findings import findings_router
from hilum.desk.landing import landing_router
from hilum.desk.service import service_router
from hilum.desk.status import Desk
from hilum.servers.http import Mount


def whole_desk(
    around: Surroundings, desk: Desk, access: Access, _mounts: Sequence[Mount]
) -> Sequence[Mount]:
    """The landing page and the product's own API."""
    index = around.archive.index
    subscriptions = operating(around.archive, around.delivery)
    commands = delivery_commands_router(subscriptions, desk.command_bytes)
    return [
        Mount(api_router(desk), "/api/v1", AccessScope.READ),
        Mount(feed_router(index), "/api/v1", AccessScope.READ),
        Mount(subscriptions_router(subscriptions), "/api/v1", AccessScope.READ),
        Mount(commands, "/api/v1", AccessScope.EVERYTHING),
        Mount(arrivals_router(index.arrivals), "/api/v1", AccessScope.READ),
        Mount(
            findings_router(around.archive.findings, deep_profiles(around.settings)),
            "/api/v1",
            AccessScope.READ,
        ),
        Mount(landing_router(desk, access), ""),
    ]


def few_words(
    _around: Surroundings, desk: Desk, _access: Access, mounts: Sequence[Mount]
) -> Sequence[Mount]:
    """Name, version and endpoints, as JSON."""
    endpoints = [*_endpoints(mounts), "GET /health", "GET /ready", "GET /metrics"]
    return [Mount(service_router(desk, endpoints), "")]


def _endpoints(mounts: Sequence[Mount]) -> Iterator[str]:
    for mount in mounts:
        for route in mount.router.routes:
            if isinstance(route, APIRoute):
                yield from (
                    f"{each} {mount.prefix}{route.path}" for each in sorted(route.methods or ())
                )
