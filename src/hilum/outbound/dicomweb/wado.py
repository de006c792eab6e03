"""WADO-RS: retrieving studies, series, instances and their metadata (PS3.18 section 10.4)."""

from fastapi import APIRouter, Request, Response

from hilum.catalogue.retrieve import Retrieve
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.documented import documented, instance_answers, metadata_answers
from hilum.outbound.dicomweb.instances import InstanceSender
from hilum.outbound.dicomweb.metadata import MetadataSender
from hilum.wire.base_url import BaseUrl
from hilum.wire.bulk_telling import BulkURIs
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface


def wado_router(
    retrieve: Retrieve,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
    bulk_uris: BulkURIs = BulkURIs.ABSOLUTE,
) -> APIRouter:
    """Return the six retrieve routes of a surface, relative to its prefix.

    `cache_seconds`: how long a browser may use an instance without asking again.
    `bulk_uris`: how metadata tells where bulk data is.
    """
    router = APIRouter(tags=[f"{surface.prefix} retrieve"])
    send = InstanceSender(retrieve, surface, base_url or BaseUrl(), cache_seconds)
    describe = MetadataSender(retrieve, surface, base_url or BaseUrl(), bulk_uris)
    several = instance_answers(surface.retrieve, single=False)
    one = instance_answers(surface.retrieve, single=True)
    metadata = metadata_answers(surface, single=False)
    of_one = metadata_answers(surface, single=True)
    study_path = "/studies/{study}"
    series_path = f"{study_path}/series/{{series}}"
    instance_path = f"{series_path}/instances/{{instance}}"

    @documented(router, study_path, "Retrieve a study", several)
    async def retrieve_study(request: Request, study: str) -> Response:
        return await send(request, scope_of(study), Level.STUDY)

    @documented(router, series_path, "Retrieve a series", several)
    async def retrieve_series(request: Request, study: str, series: str) -> Response:
        return await send(request, scope_of(study, series), Level.SERIES)

    @documented(router, instance_path, "Retrieve an instance", one)
    async def retrieve_instance(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await send(request, scope_of(study, series, instance), Level.INSTANCE)

    @documented(router, f"{study_path}/metadata", "Metadata of a study", metadata)
    async def retrieve_study_metadata(request: Request, study: str) -> Response:
        return await describe(request, (study,), Level.STUDY)

    @documented(router, f"{series_path}/metadata", "Metadata of a series", metadata)
    async def retrieve_series_metadata(request: Request, study: str, series: str) -> Response:
        return await describe(request, (study, series), Level.SERIES)

    @documented(router, f"{instance_path}/metadata", "Metadata of an instance", of_one)
    async def retrieve_instance_metadata(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await describe(request, (study, series, instance), Level.INSTANCE)

    return router
