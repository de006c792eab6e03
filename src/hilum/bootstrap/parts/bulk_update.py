"""The door of bulk updates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.inbound.dicomweb.bulk_update import bulk_update_router, no_bulk_update_router
from hilum.operations.updating.request import RequestUpdate
from hilum.servers.http import Mount
from hilum.wire.surfaces import AZURE_V1, AZURE_V2


@asynccontextmanager
async def bulk_update_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/v2/studies/$bulkUpdate`; the work is done by the worker of operations."""
    settings = around.settings
    request_update = RequestUpdate(around.archive.index.jobs, settings.update.studies)
    offered = bulk_update_router(
        request_update,
        AZURE_V2,
        base_url=around.base_url,
        command_bytes=settings.http.command_bytes,
    )
    yield Part(
        mounts=[
            Mount(offered, AZURE_V2.prefix, AccessScope.WRITE),
            Mount(no_bulk_update_router(AZURE_V1), AZURE_V1.prefix, AccessScope.WRITE),
        ]
    )
