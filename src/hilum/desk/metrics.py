"""The page that Prometheus reads."""

import asyncio
from contextlib import suppress
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from hilum.domain.errors import ArchiveFault
from hilum.domain.records import ArchiveCounts
from hilum.ports.index import Statistics


class MetricsPage(Protocol):
    @property
    def media_type(self) -> str: ...

    def held(self, counts: ArchiveCounts) -> None:
        """Remember how much the archive holds, for the next page."""
        ...

    def render(self) -> bytes:
        """All metrics in the text format of Prometheus; called in a thread."""
        ...


def metrics_router(metrics: MetricsPage, statistics: Statistics) -> APIRouter:
    """`/metrics`. While the database does not answer, the counts stay those of the page before."""
    router = APIRouter(tags=["Operations"])

    @router.get("/metrics", summary="Metrics in the text format of Prometheus")
    async def read_metrics() -> Response:
        with suppress(ArchiveFault):
            metrics.held(await statistics.counts())
        body = await asyncio.to_thread(metrics.render)
        return Response(body, headers={"Content-Type": metrics.media_type})

    return router
