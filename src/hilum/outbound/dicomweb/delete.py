"""DELETE of studies, series and instances (PS3.18 does not define it; the Azure service does)."""

from fastapi import APIRouter, Request, Response

from hilum.catalogue.delete import Delete
from hilum.domain.origins import Door
from hilum.outbound.dicomweb.documented import DELETED
from hilum.wire.request_facts import origin_of, scope_of
from hilum.wire.surfaces import Surface


def delete_router(delete: Delete, surface: Surface) -> APIRouter:
    """Return the three delete routes of a surface, relative to its prefix."""
    router = APIRouter(tags=[f"{surface.prefix} delete"])

    async def answer(request: Request, *uids: str) -> Response:
        await delete(scope_of(request, *uids), origin_of(request, Door.DELETE))
        return Response(status_code=204)

    @router.delete("/studies/{study}", summary="Delete a study", **DELETED)
    async def delete_study(request: Request, study: str) -> Response:
        return await answer(request, study)

    @router.delete("/studies/{study}/series/{series}", summary="Delete a series", **DELETED)
    async def delete_series(request: Request, study: str, series: str) -> Response:
        return await answer(request, study, series)

    @router.delete(
        "/studies/{study}/series/{series}/instances/{instance}",
        summary="Delete an instance",
        **DELETED,
    )
    async def delete_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await answer(request, study, series, instance)

    return router
