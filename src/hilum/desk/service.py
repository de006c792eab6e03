"""`/` of a role that serves programs: its name, its version, where it listens to what."""

from collections.abc import Sequence

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from hilum.desk.status import Desk


def service_router(desk: Desk, endpoints: Sequence[str]) -> APIRouter:
    """`endpoints` are as in `POST /upload`."""
    router = APIRouter(tags=["Desk"], include_in_schema=False)
    told = {"name": desk.service, "version": desk.version, "endpoints": list(endpoints)}
    body = orjson.dumps(told)

    @router.get("/", summary="What is running here")
    async def service() -> Response:
        return Response(body, media_type="application/json")

    return router
