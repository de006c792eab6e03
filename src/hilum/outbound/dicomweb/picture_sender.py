"""Rendered instances and frames (PS3.18 10.4.1.1.3)."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from fastapi import Request, Response

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.patience import PATIENCE_SECONDS, patiently
from hilum.catalogue.pictures import Pictures
from hilum.dicom.frames import FramesUnknown
from hilum.domain.errors import (
    InvalidRequest,
    LimitExceeded,
    NoPixelData,
    NotAcceptable,
    ObjectMissing,
    PixelsNotDecodable,
    UnreadableInstance,
)
from hilum.domain.identifiers import Scope
from hilum.domain.presentation import PictureType, Rendering
from hilum.foundation import tasks
from hilum.outbound.dicomweb.picture_answers import PartOfAnswer, PictureAnswers
from hilum.wire.base_url import instance_url
from hilum.wire.frame_list import frame_numbers
from hilum.wire.rendered_choices import RenderedForm
from hilum.wire.rendered_tags import rendered_tag
from hilum.wire.rendering_parameters import rendering

FAILURES = (FramesUnknown, PixelsNotDecodable, UnreadableInstance, LimitExceeded)
_T = TypeVar("_T")


class DocumentSender(Protocol):
    """Renders what is no image: documents, reports, video."""

    async def __call__(self, request: Request, scope: Scope) -> Response | None:
        """Answer with the rendered form of an instance; None when it has none of this kind."""
        ...


@dataclass(frozen=True, slots=True)
class PictureSender:
    """Answers the routes of one surface that render an instance or frames of it."""

    pictures: Pictures
    answers: PictureAnswers
    documents: DocumentSender | None = None

    async def instance(self, request: Request, scope: Scope) -> Response:
        """Render an instance."""
        return await self._retried(lambda: self._instance(request, scope))

    async def frames(self, request: Request, scope: Scope, text: str) -> Response:
        """Render the frames of a list."""
        numbers = frame_numbers(text)
        if len(numbers) > 1 and not self.answers.surface.rendered.above_instances:
            message = "One frame is rendered at a time here."
            raise InvalidRequest(message)

        async def answer() -> Response:
            found = await self.pictures.find(scope, numbers)
            return await self._frames(request, found)

        return await self._retried(answer)

    async def _instance(self, request: Request, scope: Scope) -> Response:
        rules = self.answers.surface.rendered
        try:
            found = await self.pictures.find(scope)
        except (NoPixelData, FramesUnknown):
            # Of video the frames need not be told apart: it goes out as a whole.
            answer = await self._document(request, scope)
            if answer is None:
                raise
            return answer
        if not self.pictures.can_draw(found.record.transfer_syntax_uid):
            answer = await self._document(request, scope)
            if answer is not None:
                return answer
        form, wanted = self._wanted(request, found, alone=True)
        source = found.dataset_sha256.hex()
        tag = rendered_tag(source, "instance", form, wanted)
        url = f"{instance_url(self.answers.base(request), found.record.uids)}/rendered"
        if (unchanged := self.answers.unchanged(request, tag)) is not None:
            return unchanged
        if request.method == "HEAD":
            return self.answers.about(tag, form, url)
        if form.picture is PictureType.GIF and rules.moving:
            picture = await self.pictures.moving(found, wanted)
        elif rules.representative:
            picture = await self.pictures.representative(found, wanted)
        else:
            picture = await self.pictures.frame(found, 0, wanted)
        return self.answers.one(tag, form, url, picture)

    async def _frames(self, request: Request, found: FoundFrames) -> Response:
        form, wanted = self._wanted(request, found, alone=len(found.frames) == 1)
        listed = ",".join(map(str, found.frames))
        tag = rendered_tag(found.dataset_sha256.hex(), f"frames {listed}", form, wanted)
        if (unchanged := self.answers.unchanged(request, tag)) is not None:
            return unchanged
        base = f"{instance_url(self.answers.base(request), found.record.uids)}/frames"
        first = f"{base}/{found.frames[0] + 1}/rendered"
        if request.method == "HEAD":
            return self.answers.about(tag, form, first)
        if len(found.frames) == 1:
            picture = await self.pictures.frame(found, found.frames[0], wanted)
            return self.answers.one(tag, form, first, picture)
        return await self.answers.many(tag, form, self._parts(found, wanted, base))

    def _wanted(
        self, request: Request, found: FoundFrames, *, alone: bool
    ) -> tuple[RenderedForm, Rendering]:
        """What the client asks for. Raises `NotAcceptable`, `InvalidQuery`."""
        surface = self.answers.surface
        form = self.answers.form(request, alone=alone)
        wanted = rendering(request.scope["query_string"], form.picture, surface.rendered)
        most = surface.retrieve.maximum_conversion_bytes
        if most is not None and found.record.size_bytes > most:
            message = f"Instances above {most} bytes are not rendered here."
            raise NotAcceptable(message)
        return form, wanted

    async def _document(self, request: Request, scope: Scope) -> Response | None:
        if self.documents is None or not self.answers.surface.rendered.documents:
            return None
        return await self.documents(request, scope)

    async def _parts(
        self, found: FoundFrames, wanted: Rendering, base: str
    ) -> AsyncGenerator[PartOfAnswer, None]:
        """Draw frames, one ahead of the reader."""
        ahead: asyncio.Task[bytes] | None = None
        position = 0
        patience = 0.0  # who is refused at the beginning can be told so
        try:
            for position, frame in enumerate(found.frames):
                drawing = partial(self.pictures.frame, found, frame, wanted)
                following = asyncio.create_task(patiently(drawing, patience))
                patience = PATIENCE_SECONDS
                current, ahead = ahead, following
                if current is not None:
                    location = f"{base}/{found.frames[position - 1] + 1}/rendered"
                    yield PartOfAnswer(location, await current)
            if ahead is not None:
                location = f"{base}/{found.frames[position] + 1}/rendered"
                yield PartOfAnswer(location, await ahead)
        finally:
            if ahead is not None:
                await tasks.end(ahead)

    async def _retried(self, answer: Callable[[], Awaitable[Response]]) -> Response:
        return await once_more(answer, failure_is_406=self.answers.surface.rendered.failure_is_406)


async def once_more(answer: Callable[[], Awaitable[_T]], *, failure_is_406: bool) -> _T:
    """Answer, and once more when a new version or a delete came between two reads."""
    try:
        try:
            return await answer()
        except ObjectMissing:
            return await answer()
    except FAILURES as error:
        if not failure_is_406:
            raise
        raise NotAcceptable(str(error)) from error
