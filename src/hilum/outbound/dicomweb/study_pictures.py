"""Rendered studies and series, and thumbnails of every level (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from fastapi import Request, Response

from hilum.catalogue.many_pictures import DrawInstances, DrawnInstance, ManyPictures, all_drawn
from hilum.catalogue.thumbnails import Thumbnails
from hilum.domain.identifiers import Scope
from hilum.domain.levels import Level
from hilum.outbound.dicomweb.picture_answers import PartOfAnswer, PictureAnswers
from hilum.outbound.dicomweb.picture_sender import once_more
from hilum.wire.base_url import instance_url
from hilum.wire.etags import entity_tag
from hilum.wire.frame_list import frame_numbers
from hilum.wire.rendered_tags import rendered_tag
from hilum.wire.rendering_parameters import rendering, thumbnail_rendering
from hilum.wire.request_facts import warning


@dataclass(frozen=True, slots=True)
class StudyPictures:
    """Answers the routes of one surface that render studies and series."""

    draw: DrawInstances
    answers: PictureAnswers

    async def __call__(self, request: Request, scope: Scope, level: Level) -> Response:
        answers = self.answers
        form = answers.form(request, alone=False)
        wanted = rendering(request.scope["query_string"], form.picture, answers.surface.rendered)
        summary = await self.draw.summary(scope)
        what = f"{level.name} {entity_tag(summary, level)}"
        tag = rendered_tag(scope_text(scope), what, form, wanted)
        if (unchanged := answers.unchanged(request, tag)) is not None:
            return unchanged
        plan = await self.draw.plan(scope)
        if request.method == "HEAD":
            return answers.about(tag, form, digest=plan.digest)
        rest = await self.draw.draw(plan, wanted)
        base = answers.base(request)
        told = ""
        if plan.left_out:
            told = warning(base, f"{plan.left_out} instances cannot be drawn and are left out.")
        parts = _parts(plan, rest, base)
        return await answers.many(tag, form, parts, warning=told, digest=plan.digest)


@dataclass(frozen=True, slots=True)
class ThumbnailSender:
    """Answers the routes of one surface that give thumbnails."""

    thumbnails: Thumbnails
    answers: PictureAnswers
    side: int
    """Pixels of a thumbnail's longer side when the client names none."""

    async def __call__(
        self, request: Request, scope: Scope, level: Level, frames: str = ""
    ) -> Response:
        answers = self.answers
        form = answers.form(request, alone=True)
        wanted = thumbnail_rendering(
            request.scope["query_string"], form.picture, answers.surface.rendered, self.side
        )
        frame = frame_numbers(frames)[0] if frames else None
        summary = await self.thumbnails.summary(scope)
        what = f"thumbnail {level.name} {entity_tag(summary, level)} {frame}"
        tag = rendered_tag(scope_text(scope), what, form, wanted)
        if (unchanged := answers.unchanged(request, tag)) is not None:
            return unchanged
        url = _thumbnail_url(answers.base(request), scope, frame)
        if request.method == "HEAD":
            return answers.about(tag, form, url)

        async def draw() -> bytes:
            if frame is not None:
                return await self.thumbnails.frame(scope, frame, wanted)
            return await self.thumbnails(scope, summary, wanted)

        return answers.one(tag, form, url, await once_more(draw, failure_is_406=False))


def scope_text(scope: Scope) -> str:
    """Name a scope."""
    return f"{scope.partition}/{scope.study}/{scope.series}/{scope.sop_instance}"


def _thumbnail_url(base: str, scope: Scope, frame: int | None) -> str:
    uids = (("series", scope.series), ("instances", scope.sop_instance))
    below = "".join(f"/{name}/{uid}" for name, uid in uids if uid is not None)
    frames = "" if frame is None else f"/frames/{frame + 1}"
    return f"{base}/studies/{scope.study}{below}{frames}/thumbnail"


async def _parts(
    plan: ManyPictures, rest: AsyncGenerator[DrawnInstance, None], base: str
) -> AsyncGenerator[PartOfAnswer, None]:
    """Parts of an answer. It has begun when a later one fails, which then is told in its place."""
    async with aclosing(all_drawn(plan, rest)) as instances:
        async for drawn in instances:
            text = "" if drawn.failure is None else f"{drawn.failure}\r\n"
            yield PartOfAnswer(f"{instance_url(base, drawn.uids)}/rendered", drawn.picture, text)
