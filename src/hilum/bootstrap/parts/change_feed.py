"""The change feed of the surfaces that follow the Azure service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.outbound.change_feed.route import change_feed_router
from hilum.servers.http import Mount
from hilum.wire.change_feed_document import ChangeWriter, Spelling
from hilum.wire.surfaces import AZURE_V1, AZURE_V2


@asynccontextmanager
async def change_feed_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/changefeed` on `/v1` and `/v2`."""
    changes = around.archive.index.changes
    spelling = Spelling(around.settings.change_feed.spelling)
    write = ChangeWriter(spelling, partitions=around.partitions.enabled)
    yield Part(
        mounts=[
            Mount(change_feed_router(changes, surface, write), surface.prefix, AccessScope.READ)
            for surface in (AZURE_V2, AZURE_V1)
        ]
    )
