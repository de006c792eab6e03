"""Health for machines: alive, healthy in the words of the Azure service, ready."""

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from hilum.desk.readiness import Readiness, Report

SERVICE: Final = "hilum"
HEALTHY: Final = "healthy"
_JSON: Final = "application/json"
_NO_STORE: Final = {"Cache-Control": "no-store"}
_UNREADY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"description": "At least one component cannot work; all are listed."}
}


def health_router(readiness: Readiness, status: str = HEALTHY, service: str = SERVICE) -> APIRouter:
    """`/health`, `/health/check` and `/ready`; open to everybody, they tell nothing private.

    `status` is the word of `/health`; with any but `HEALTHY` it stands alone. `service` is
    what a probe of several roles tells them apart by.
    """
    alive = {"status": status}
    if status == HEALTHY:
        alive["service"] = service
    router = APIRouter(tags=["Operations"])

    @router.get("/health", summary="The process is alive")
    async def health() -> Response:
        """Answers 200 as long as the process does anything; it asks no component."""
        return _answer(alive, 200)

    @router.get("/health/check", summary="Health as the Azure DICOM service reports it")
    async def health_check() -> Response:
        report = await readiness.report()
        return _answer(_azure(report), 200 if report.ready else 503)

    @router.get("/ready", summary="Every component works", responses=_UNREADY)
    async def ready() -> Response:
        """Tries the components: writes to the database and the disk, looks at the doors."""
        report = await readiness.report()
        return _answer(ready_body(report), 200 if report.ready else 503)

    return router


def ready_body(report: Report) -> dict[str, object]:
    """The answer of `/ready`."""
    return {
        "status": "ready" if report.ready else "not ready",
        "service": SERVICE,
        "components": [
            {
                "name": component.name,
                "status": "ready" if component.ready else "not ready",
                "description": component.description,
            }
            for component in report.components
        ],
    }


def _azure(report: Report) -> dict[str, object]:
    """The shape of the Azure DICOM service's `/health/check`."""
    return {
        "overallStatus": "Healthy" if report.ready else "Unhealthy",
        "details": [
            {
                "name": component.name,
                "status": "Healthy" if component.ready else "Unhealthy",
                "description": component.description,
            }
            for component in report.components
        ],
    }


def _answer(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status, _NO_STORE, _JSON)
