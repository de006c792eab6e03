"""WADO-RS: retrieving studies, series, instances and their metadata (PS3.18 section 10.4)."""

from fastapi import APIRouter, Request, Response

from hilum.catalogue.bulk_data import BulkData
from hilum.catalogue.retrieve import Retrieve
from hilum.domain.identifiers import Scope
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.bulk_sender import BulkSender
from hilum.outbound.dicomweb.documented import documented, instance_answers, metadata_answers
from hilum.outbound.dicomweb.instances import InstanceSender
from hilum.outbound.dicomweb.metadata import MetadataSender
from hilum.ports.external_metadata import ReadsExternalMetadata
from hilum.wire.base_url import BaseUrl
from hilum.wire.bulk_telling import BulkURIs
from hilum.wire.media_types import likes_bulk_data
from hilum.wire.query_parameters import accept_of
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface


def wado_router(
    retrieve: Retrieve,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
    bulk_uris: BulkURIs = BulkURIs.ABSOLUTE,
    bulk: BulkData | None = None,
    external: ReadsExternalMetadata | None = None,
) -> APIRouter:
    """Return the six retrieve routes of a surface, relative to its prefix.

    `cache_seconds`: how long a browser may use an instance without asking again.
    `bulk_uris`: how metadata tells where bulk data is.
    `bulk`: gives it to who asks for instances as octets.
    `external`: what was said of studies beside; without, nothing is told of it.
    """
    router = APIRouter(tags=[f"{surface.prefix} retrieve"])
    base, rules = base_url or BaseUrl(), surface.retrieve
    send_instances = InstanceSender(retrieve, surface, base, cache_seconds)
    send_bulk = None if bulk is None else BulkSender(bulk, surface, base, cache_seconds)
    describe = MetadataSender(retrieve, surface, base, bulk_uris, external)
    several = instance_answers(rules, single=False)
    one = instance_answers(rules, single=True)
    metadata = metadata_answers(surface, single=False)
    of_one = metadata_answers(surface, single=True)
    study_path = "/studies/{study}"
    series_path = f"{study_path}/series/{{series}}"
    instance_path = f"{series_path}/instances/{{instance}}"

    async def send(request: Request, scope: Scope, level: Level) -> Response:
        if send_bulk is not None:
            query_string: bytes = request.scope["query_string"]
            accept = accept_of(request.scope, query_string, strict=rules.strict)
            if likes_bulk_data(accept, level=level, rules=rules):
                return await send_bulk.all_of(request, scope)
        return await send_instances(request, scope, level)

    @documented(router, study_path, "Retrieve a study", several)
    async def retrieve_study(request: Request, study: str) -> Response:
        return await send(request, scope_of(request, study), Level.STUDY)

    @documented(router, series_path, "Retrieve a series", several)
    async def retrieve_series(request: Request, study: str, series: str) -> Response:
        return await send(request, scope_of(request, study, series), Level.SERIES)

    @documented(router, instance_path, "Retrieve an instance", one)
    async def retrieve_instance(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await send(request, scope_of(request, study, series, instance), Level.INSTANCE)

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
