"""DICOMweb in its three surfaces: store, search, retrieve, delete."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from hilum.access import AccessScope
from hilum.bootstrap import door_options as options
from hilum.bootstrap.parts.part import Part, Surroundings
from hilum.desk.status import DoorAddress
from hilum.desk.surfaces import surface_router
from hilum.foundation.memory import MemoryBudget
from hilum.inbound.dicomweb.stow import stow_router
from hilum.outbound.dicomweb.bulk import bulk_router
from hilum.outbound.dicomweb.delete import delete_router
from hilum.outbound.dicomweb.frames import frames_router
from hilum.outbound.dicomweb.partitions import partitions_router
from hilum.outbound.dicomweb.qido import qido_router
from hilum.outbound.dicomweb.rendered import rendered_routers
from hilum.outbound.dicomweb.wado import wado_router
from hilum.outbound.dicomweb.wado_uri import wado_uri_router
from hilum.servers.http import Mount
from hilum.settings import Settings
from hilum.wire.bulk_telling import BulkURIs
from hilum.wire.surfaces import AZURE_V1, AZURE_V2, STANDARD, SURFACES, Surface


@asynccontextmanager
async def dicomweb_part(around: Surroundings) -> AsyncIterator[Part]:
    """Every surface."""
    budget = MemoryBudget(around.settings.stow.memory_bytes)
    mounts: list[Mount] = []
    for usual in reversed(SURFACES):
        surface = _within(usual, around.settings)
        mounts += _surface(around, surface, budget)
    yield Part(
        mounts=mounts,
        doors=lambda: (
            DoorAddress("DICOMweb (PS3.18)", STANDARD.prefix, "Store, search, retrieve, delete"),
            DoorAddress("DICOMweb (Azure v2)", AZURE_V2.prefix, "As the Azure DICOM service, v2"),
            DoorAddress("DICOMweb (Azure v1)", AZURE_V1.prefix, "As the Azure DICOM service, v1"),
        ),
    )


def _within(surface: Surface, settings: Settings) -> Surface:
    """The surface with the operator's limits."""
    if not settings.external_metadata.enabled:
        surface = replace(surface, external_metadata=False)
    rules = surface.retrieve
    if rules.maximum_conversion_bytes is None:
        return surface
    most = settings.retrieve.azure_conversion_bytes
    return replace(surface, retrieve=replace(rules, maximum_conversion_bytes=most))


def _surface(around: Surroundings, surface: Surface, budget: MemoryBudget) -> list[Mount]:
    archive, base_url, prefix = around.archive, around.base_url, surface.prefix
    stow = stow_router(
        archive.receive,
        archive.spool,
        surface,
        options.stow_limits(around.settings),
        base_url=base_url,
        budget=budget,
        external=archive.index.external,
    )
    qido = qido_router(
        archive.search,
        surface,
        base_url=base_url,
        limits=options.search_limits(around.settings),
        extended=archive.index.extended,
        external=archive.index.external,
    )
    return [
        Mount(surface_router(surface), prefix),
        Mount(qido, prefix, AccessScope.READ),
        *_retrieving(around, surface),
        Mount(stow, prefix, AccessScope.WRITE),
        Mount(delete_router(archive.delete, surface), prefix, AccessScope.DELETE),
        Mount(partitions_router(around.partitions, surface), prefix, AccessScope.READ),
    ]


def _retrieving(around: Surroundings, surface: Surface) -> list[Mount]:
    archive, base_url = around.archive, around.base_url
    retrieve = around.settings.retrieve
    cache_seconds = retrieve.cache_seconds
    routers = [
        wado_router(
            archive.retrieve,
            surface,
            base_url=base_url,
            cache_seconds=cache_seconds,
            bulk_uris=BulkURIs(retrieve.bulk_uris),
            bulk=archive.bulk,
            external=archive.index.external,
        ),
        frames_router(archive.frames, surface, base_url=base_url, cache_seconds=cache_seconds),
    ]
    if surface.retrieve.tells_bulk_data:
        routers.append(
            bulk_router(archive.bulk, surface, base_url=base_url, cache_seconds=cache_seconds)
        )
    routers += rendered_routers(
        archive.pictures,
        surface,
        base_url=base_url,
        cache_seconds=cache_seconds,
        thumbnail_side=retrieve.thumbnail_side,
    )
    if surface.offers_wado_uri:
        routers.append(
            wado_uri_router(
                archive.retrieve,
                archive.pictures,
                surface,
                base_url=base_url,
                cache_seconds=cache_seconds,
            )
        )
    return [Mount(router, surface.prefix, AccessScope.READ) for router in routers]
