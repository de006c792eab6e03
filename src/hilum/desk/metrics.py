"""The page that Prometheus reads."""

import asyncio
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response


class MetricsPage(Protocol):
    @property
    def media_type(self) -> str: ...

    def render(self) -> bytes:
        """All metrics in the text format of Prometheus; called in a thread."""
        ...


def metrics_router(metrics: MetricsPage) -> APIRouter:
    """`/metrics`."""
    router = APIRouter(tags=["Operations"])

    @router.get("/metrics", summary="Metrics in the text format of Prometheus")
    async def read_metrics() -> Response:
        body = await asyncio.to_thread(metrics.render)
        return Response(body, headers={"Content-Type": metrics.media_type})

    return router
