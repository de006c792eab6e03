"""Which studies will be deleted by themselves, for operators."""

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hilum.desk.parameters import whole_number
from hilum.ports.expiry import Expiries

_DEFAULT_LIMIT = 100
_MAXIMUM_LIMIT = 1000


def expiring_router(expiries: Expiries) -> APIRouter:
    """What may be read: below `/api/v1`."""
    router = APIRouter(tags=["Expiry"])

    @router.get(
        "/expiring-studies",
        summary="Studies that are deleted at a time that was named when they were stored",
        description=(
            "The one that goes next first, at most `limit` "
            f"(default {_DEFAULT_LIMIT}, at most {_MAXIMUM_LIMIT}). "
            "`expires` is when its time is over; it goes at the next look after that "
            "(`deletion.expiry_poll_seconds`)."
        ),
    )
    async def list_expiring(request: Request) -> Response:
        limit = whole_number(request, "limit", _DEFAULT_LIMIT, 1, _MAXIMUM_LIMIT)
        found = [
            {
                "partitionName": each.partition_name,
                "studyInstanceUid": each.study,
                "expires": each.expires,
            }
            for each in await expiries.coming(limit)
        ]
        body = orjson.dumps(found, option=orjson.OPT_UTC_Z)
        return Response(body, media_type="application/json")

    return router
