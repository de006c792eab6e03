"""Fetching from Orthanc, and the webhook that tells what is new there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.orthanc import OrthancCheck, orthanc_calls, orthanc_door, waking
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.inbound.orthanc.webhook import no_orthanc_router, webhook_router
from hilum.servers.http import Mount


@asynccontextmanager
async def orthanc_part(around: Surroundings) -> AsyncIterator[Part]:
    """The door to every source; without sources only a webhook that says so."""
    settings, archive = around.settings, around.archive
    announcements, meter = archive.index.delivery, around.metrics.ingestion
    async with (
        orthanc_door(settings, archive, announcements, meter, around.clock) as door,
        waking(door, archive.index.arrivals.noted),
    ):
        calls = orthanc_calls(settings, archive, door)
        webhook = no_orthanc_router() if calls is None else webhook_router(calls)
        yield Part(
            mounts=[Mount(webhook, "/api/v1", AccessScope.WRITE)],
            checks=[] if door is None else [OrthancCheck(door)],
        )
