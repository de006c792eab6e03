"""The capabilities of each surface, told from the routes of all parts."""

from collections.abc import Iterator, Sequence

from hilum.desk.capabilities import capabilities_router
from hilum.servers.http import Mount
from hilum.wire.base_url import BaseUrl
from hilum.wire.surfaces import SURFACES


def capabilities_mounts(mounts: Sequence[Mount], base_url: BaseUrl) -> Iterator[Mount]:
    """For each surface that `mounts` are on."""
    for surface in SURFACES:
        told = [
            mount.router
            for mount in mounts
            if mount.prefix == surface.prefix and mount.scope is not None
        ]
        if told:
            yield Mount(capabilities_router(told, surface, base_url=base_url), surface.prefix)
