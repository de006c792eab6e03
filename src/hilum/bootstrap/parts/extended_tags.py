"""The door of extended query tags, and the worker that removes what deleted ones had."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hilum.access import AccessScope
from hilum.bootstrap.extended_tags import manage_extended_tags
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.extended_tags import extended_tags_manage_router, extended_tags_router
from hilum.operations.extended_tags.sweeping import TagSweeper
from hilum.servers.http import Mount
from hilum.wire.surfaces import AZURE_V1, AZURE_V2


@asynccontextmanager
async def extended_tags_part(around: Surroundings) -> AsyncIterator[Part]:
    """`/extendedquerytags` on `/v1` and `/v2`; the operations' worker indexes what is held."""
    settings, archive, base_url = around.settings, around.archive, around.base_url
    manage = manage_extended_tags(settings, archive)
    mounts: list[Mount] = []
    for surface in (AZURE_V2, AZURE_V1):
        reading = extended_tags_router(manage, surface, around.partitions, base_url=base_url)
        changing = extended_tags_manage_router(
            manage, surface, base_url=base_url, command_bytes=settings.http.command_bytes
        )
        mounts += [
            Mount(reading, surface.prefix, AccessScope.READ),
            Mount(changing, surface.prefix, AccessScope.MANAGE_EXTENDED_QUERY_TAGS),
        ]
    sweeper = TagSweeper(
        archive.index.extended,
        manage.deleted,
        rows=settings.extended_tags.sweep_rows,
        every_seconds=settings.extended_tags.sweep_seconds,
    )
    async with sweeper:
        yield Part(mounts=mounts)
