"""The list of data partitions (Azure DICOM service, section 1.3)."""

from typing import Final

import orjson
from fastapi import APIRouter, Response

from hilum.catalogue.partitions import Partitions
from hilum.wire.media_types import JSON
from hilum.wire.surfaces import Surface

_SCHEMA: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["partitionKey", "partitionName", "createdDate"],
        "properties": {
            "partitionKey": {"type": "integer"},
            "partitionName": {"type": "string"},
            "createdDate": {"type": "string", "format": "date-time"},
        },
    },
}


def partitions_router(partitions: Partitions, surface: Surface) -> APIRouter:
    """Return the route of a surface that lists partitions, relative to its prefix."""
    router = APIRouter(tags=[f"{surface.prefix} partitions"])

    @router.get(
        "/partitions",
        summary="List data partitions",
        response_class=Response,
        responses={
            200: {
                "description": "Every data partition, oldest first.",
                "content": {JSON: {"schema": _SCHEMA}},
            },
            400: {"description": "This archive has no data partitions."},
        },
    )
    async def list_partitions() -> Response:
        told = [
            {
                "partitionKey": each.key,
                "partitionName": each.name,
                "createdDate": each.created.isoformat(),
            }
            for each in await partitions.all()
        ]
        return Response(orjson.dumps(told), media_type=JSON)

    return router
