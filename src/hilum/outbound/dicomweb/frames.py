"""WADO-RS: retrieving frames (PS3.18 section 10.4)."""

from fastapi import APIRouter, Request, Response

from hilum.catalogue.frames import Frames
from hilum.outbound.dicomweb.documented import documented, frame_answers
from hilum.outbound.dicomweb.frame_sender import FrameSender
from hilum.wire.base_url import BaseUrl
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface


def frames_router(
    frames: Frames,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
) -> APIRouter:
    """Return the route of a surface that gives back frames, relative to its prefix.

    `cache_seconds`: how long a browser may use frames without asking again.
    """
    router = APIRouter(tags=[f"{surface.prefix} retrieve"])
    send = FrameSender(frames, surface, base_url or BaseUrl(), cache_seconds)
    path = "/studies/{study}/series/{series}/instances/{instance}/frames/{frames}"

    @documented(router, path, "Retrieve frames of an instance", frame_answers(surface.frames))
    async def retrieve_frames(
        request: Request, study: str, series: str, instance: str, frames: str
    ) -> Response:
        return await send(request, scope_of(request, study, series, instance), frames)

    return router
