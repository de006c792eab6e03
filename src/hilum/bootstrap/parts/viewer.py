"""The viewer, whose files are on this server's disk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.bootstrap import door_options as options
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.viewer.routes import viewer_router
from hilum.servers.http import Mount


@asynccontextmanager
async def viewer_part(around: Surroundings) -> AsyncIterator[Part]:
    """Its pages; nothing when it is turned off."""
    viewer = options.viewer(around.settings)
    if viewer is None:
        yield Part()
        return
    yield Part(mounts=[Mount(viewer_router(viewer, around.base_url), viewer.path)])
