"""WADO-RS: retrieving bulk data (PS3.18 section 10.4, table 10.4.1-5)."""

from fastapi import APIRouter, Request, Response

from hilum.catalogue.bulk_data import BulkData
from hilum.outbound.dicomweb.bulk_sender import BulkSender
from hilum.outbound.dicomweb.documented import ALL_BULK_DATA, bulk_answers, documented
from hilum.wire.base_url import BaseUrl
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface


def bulk_router(
    bulk: BulkData,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
) -> APIRouter:
    """Return the routes of a surface that give back bulk data, relative to its prefix.

    `cache_seconds`: how long a browser may use a value without asking again.
    """
    router = APIRouter(tags=[f"{surface.prefix} retrieve"])
    send = BulkSender(bulk, surface, base_url or BaseUrl(), cache_seconds)
    study_path = "/studies/{study}"
    series_path = f"{study_path}/series/{{series}}"
    instance_path = f"{series_path}/instances/{{instance}}"

    @documented(router, f"{study_path}/bulkdata", "Bulk data of a study", ALL_BULK_DATA)
    async def retrieve_study_bulk(request: Request, study: str) -> Response:
        return await send.all_of(request, scope_of(request, study))

    @documented(router, f"{series_path}/bulkdata", "Bulk data of a series", ALL_BULK_DATA)
    async def retrieve_series_bulk(request: Request, study: str, series: str) -> Response:
        return await send.all_of(request, scope_of(request, study, series))

    @documented(router, f"{instance_path}/bulkdata", "Bulk data of an instance", ALL_BULK_DATA)
    async def retrieve_instance_bulk(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await send.all_of(request, scope_of(request, study, series, instance))

    told = bulk_answers(surface.frames)

    @documented(router, f"{instance_path}/bulkdata/{{path:path}}", "One bulk value", told)
    async def retrieve_bulk_value(
        request: Request, study: str, series: str, instance: str, path: str
    ) -> Response:
        return await send.one(request, scope_of(request, study, series, instance), path)

    return router
