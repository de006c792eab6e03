"""The product's own API: what programs ask about the archive as a whole."""

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from hilum.desk.health import SERVICE, ready_body
from hilum.desk.status import Desk

_JSON = "application/json"


def api_router(desk: Desk) -> APIRouter:
    """Routes below `/api/v1`; without patient data, so that a dashboard may show all of it."""
    router = APIRouter(tags=["Desk"])

    @router.get("/status", summary="Version, doors and components")
    async def status() -> Response:
        now = desk.clock.now()
        body = ready_body(await desk.report()) | {
            "service": SERVICE,
            "version": desk.version,
            "started": desk.started.isoformat(timespec="seconds"),
            "uptime_seconds": int((now - desk.started).total_seconds()),
            "doors": [
                {"name": door.name, "address": door.address, "purpose": door.purpose}
                for door in desk.doors()
            ],
        }
        return Response(orjson.dumps(body), media_type=_JSON)

    @router.get("/statistics", summary="How much is held, and the newest studies")
    async def statistics() -> Response:
        holdings = await desk.holdings()
        counts = holdings.counts
        body = {
            "studies": counts.studies,
            "series": counts.series,
            "instances": counts.instances,
            "size_bytes": counts.size_bytes,
            "feed_sequence": counts.feed_sequence,
            "newest_studies": [
                {
                    "study_instance_uid": study.study_instance_uid,
                    "modalities": list(study.modalities),
                    "series": study.series,
                    "instances": study.instances,
                    "received": study.received.isoformat(timespec="milliseconds"),
                }
                for study in holdings.newest
            ],
        }
        return Response(orjson.dumps(body), media_type=_JSON)

    return router
