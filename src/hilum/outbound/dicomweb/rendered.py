"""WADO-RS: rendered resources and thumbnails (PS3.18 10.4.1.1.3 and 10.4.1.1.4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from hilum.catalogue.many_pictures import DrawInstances
from hilum.catalogue.pictures import Pictures
from hilum.catalogue.thumbnails import Thumbnails
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.documented import documented, rendered_answers
from hilum.outbound.dicomweb.picture_answers import PictureAnswers
from hilum.outbound.dicomweb.picture_sender import DocumentSender, PictureSender
from hilum.outbound.dicomweb.study_pictures import StudyPictures, ThumbnailSender
from hilum.wire.base_url import BaseUrl
from hilum.wire.rendered_rules import Parameter
from hilum.wire.rendering_parameters import FORMS
from hilum.wire.request_facts import scope_of
from hilum.wire.surfaces import Surface

_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAMES = f"{_INSTANCE}/frames/{{frames}}"


@dataclass(frozen=True, slots=True)
class PictureServices:
    """What draws."""

    pictures: Pictures
    instances: DrawInstances
    thumbnails: Thumbnails
    documents: DocumentSender | None = None
    """Renders what is no image."""


def rendered_routers(
    services: PictureServices,
    surface: Surface,
    *,
    base_url: BaseUrl | None = None,
    cache_seconds: float = 0.0,
    thumbnail_side: int = 200,
) -> Sequence[APIRouter]:
    """Return the routes of a surface that give pictures, relative to its prefix.

    `cache_seconds`: how long a browser may use a picture without asking again.
    """
    answers = PictureAnswers(surface, base_url or BaseUrl(), cache_seconds)
    routers = [_instance_router(services, answers)]
    if surface.rendered.above_instances:
        routers += [_study_router(services, answers)]
        routers += [_thumbnail_router(services, answers, thumbnail_side)]
    return routers


def _instance_router(services: PictureServices, answers: PictureAnswers) -> APIRouter:
    router = APIRouter(tags=[f"{answers.surface.prefix} retrieve"])
    rules = answers.surface.rendered
    taken = _taken(rules.parameters)
    instance = rendered_answers(rules, alone=True, documents=True)
    frames = rendered_answers(rules, alone=True)
    send = PictureSender(services.pictures, answers, services.documents)

    @documented(router, f"{_INSTANCE}/rendered", "Render an instance", instance, taken)
    async def render_instance(request: Request, study: str, series: str, instance: str) -> Response:
        return await send.instance(request, scope_of(request, study, series, instance))

    @documented(router, f"{_FRAMES}/rendered", "Render frames", frames, taken)
    async def render_frames(
        request: Request, study: str, series: str, instance: str, frames: str
    ) -> Response:
        return await send.frames(request, scope_of(request, study, series, instance), frames)

    return router


def _study_router(services: PictureServices, answers: PictureAnswers) -> APIRouter:
    router = APIRouter(tags=[f"{answers.surface.prefix} retrieve"])
    taken = _taken(answers.surface.rendered.parameters)
    told = rendered_answers(answers.surface.rendered, alone=False)
    send = StudyPictures(services.instances, answers)

    @documented(router, f"{_STUDY}/rendered", "Render a study", told, taken)
    async def render_study(request: Request, study: str) -> Response:
        return await send(request, scope_of(request, study), Level.STUDY)

    @documented(router, f"{_SERIES}/rendered", "Render a series", told, taken)
    async def render_series(request: Request, study: str, series: str) -> Response:
        return await send(request, scope_of(request, study, series), Level.SERIES)

    return router


def _thumbnail_router(services: PictureServices, answers: PictureAnswers, side: int) -> APIRouter:
    router = APIRouter(tags=[f"{answers.surface.prefix} retrieve"])
    size = _taken({Parameter.VIEWPORT})
    told = rendered_answers(answers.surface.rendered, alone=True)
    send = ThumbnailSender(services.thumbnails, answers, side)

    @documented(router, f"{_STUDY}/thumbnail", "Thumbnail of a study", told, size)
    async def study_thumbnail(request: Request, study: str) -> Response:
        return await send(request, scope_of(request, study), Level.STUDY)

    @documented(router, f"{_SERIES}/thumbnail", "Thumbnail of a series", told, size)
    async def series_thumbnail(request: Request, study: str, series: str) -> Response:
        return await send(request, scope_of(request, study, series), Level.SERIES)

    @documented(router, f"{_INSTANCE}/thumbnail", "Thumbnail of an instance", told, size)
    async def instance_thumbnail(
        request: Request, study: str, series: str, instance: str
    ) -> Response:
        return await send(request, scope_of(request, study, series, instance), Level.INSTANCE)

    @documented(router, f"{_FRAMES}/thumbnail", "Thumbnail of a frame", told, size)
    async def frame_thumbnail(
        request: Request, study: str, series: str, instance: str, frames: str
    ) -> Response:
        scope = scope_of(request, study, series, instance)
        return await send(request, scope, Level.INSTANCE, frames)

    return router


def _taken(names: Iterable[Parameter]) -> dict[str, Any]:
    """Parameters in the OpenAPI document."""
    return {
        "parameters": [
            {
                "name": name.value,
                "in": "query",
                "required": False,
                "description": FORMS[name],
                "schema": {"type": "string"},
            }
            for name in sorted(names)
        ]
    }
