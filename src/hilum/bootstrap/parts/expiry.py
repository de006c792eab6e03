"""Studies whose time is over: the worker that deletes them, and what is still to come."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.catalogue.expiring import ExpireStudies, ExpiryWorker
from hilum.desk.expiring import expiring_router
from hilum.servers.http import Mount


@asynccontextmanager
async def expiry_part(around: Surroundings) -> AsyncIterator[Part]:
    """Any number of processes may look at once."""
    expiries = around.archive.index.expiry
    seconds = around.settings.deletion.expiry_poll_seconds
    async with ExpiryWorker(ExpireStudies(expiries, around.clock), seconds):
        yield Part(mounts=[Mount(expiring_router(expiries), "/api/v1", AccessScope.READ)])
