"""Drawing every instance of a study or series, one ahead of the reader."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from hilum.catalogue.frame_pieces import FoundFrames
from hilum.catalogue.not_held import not_held
from hilum.catalogue.patience import PATIENCE_SECONDS, patiently
from hilum.catalogue.pictures import Pictures
from hilum.dicom.frames import FramesUnknown
from hilum.domain.errors import (
    HilumError,
    InvalidQuery,
    LimitExceeded,
    NoPixelData,
    NotHeld,
    NotTranscodable,
    ObjectMissing,
    PixelsNotDecodable,
    UnreadableInstance,
)
from hilum.domain.identifiers import InstanceUIDs, Scope
from hilum.domain.presentation import PictureType, Rendering
from hilum.domain.records import ScopeSummary
from hilum.foundation import tasks
from hilum.ports.index import InstanceReader

_AT_ONCE: Final = 32
"""Instances that are looked up at the same time."""
NOT_DRAWN: Final = (
    NoPixelData,
    FramesUnknown,
    NotTranscodable,
    PixelsNotDecodable,
    UnreadableInstance,
    LimitExceeded,
    InvalidQuery,
)
"""Why an instance has no picture, whoever asks and whenever."""


@dataclass(frozen=True, slots=True)
class DrawnInstance:
    """An instance and its picture, or why there is none."""

    uids: InstanceUIDs
    picture: bytes | None
    failure: HilumError | None = None


@dataclass(slots=True)
class ManyPictures:
    """What will go out."""

    wanted: Sequence[tuple[Scope, InstanceUIDs]]
    """Instances whose frames can be found."""
    left_out: int
    """Instances that have no picture, as far as is known; it grows while `held` is filled."""
    failure: HilumError | None
    """Why the first of those has none."""
    digest: str = ""
    """Of all data sets."""
    held: list[DrawnInstance] = field(default_factory=list)
    """Made before the answer begins."""


class DrawInstances:
    """Finds out which instances of a study or series can be drawn, and draws them."""

    def __init__(self, pictures: Pictures, reader: InstanceReader, page_instances: int) -> None:
        self._pictures = pictures
        self._reader = reader
        self._page_instances = page_instances

    async def summary(self, scope: Scope) -> ScopeSummary:
        """Count and newest version of what `scope` names. Raises `NotHeld`."""
        summary = await self._reader.summary(scope)
        if summary is None:
            raise not_held(scope)
        most = self._pictures.bounds.pictures_per_request
        if summary.instances > most:
            what = "There are more instances here than are drawn for one request"
            raise LimitExceeded("retrieve.pictures_per_request", most, what)
        return summary

    async def plan(self, scope: Scope) -> ManyPictures:
        """Find the instances that have frames. Raises `NotHeld`, and why when there is none."""
        plan = ManyPictures([], 0, None)
        wanted: list[tuple[Scope, InstanceUIDs]] = []
        digest = hashlib.sha256()
        async for scopes in self._instances(scope):
            for told in await asyncio.gather(*map(self._look, scopes)):
                if isinstance(told, FoundFrames):
                    wanted.append((told.scope, told.record.uids))
                    digest.update(told.dataset_sha256)
                elif told is not None:
                    plan.left_out += 1
                    plan.failure = plan.failure or told
        plan.wanted, plan.digest = wanted, digest.hexdigest()
        if not wanted:
            raise plan.failure or not_held(scope)
        return plan

    async def _instances(self, scope: Scope) -> AsyncIterator[Sequence[Scope]]:
        """Yield a few instances at a time."""
        after, count = 0, self._page_instances
        while count == self._page_instances:
            page = await self._reader.instances(scope, after, self._page_instances)
            count = len(page)
            scopes = [
                replace(scope, series=each.uids.series, sop_instance=each.uids.sop_instance)
                for each in page
            ]
            for start in range(0, count, _AT_ONCE):
                yield scopes[start : start + _AT_ONCE]
            after = page[-1].key if page else after

    async def _look(self, scope: Scope) -> FoundFrames | HilumError | None:
        """Find frames, or why there are none to be drawn; None: it was deleted meanwhile."""
        try:
            return await self._pictures.find(scope)
        except NOT_DRAWN as error:
            return error
        except NotHeld:
            return None

    async def draw(
        self, plan: ManyPictures, rendering: Rendering
    ) -> AsyncGenerator[DrawnInstance, None]:
        """Draw what is planned, and return the rest of it.

        Pictures go to `plan.held` until those reach the bound, so that what of them fails is known
        before the answer begins. Raises why when nothing at all can be drawn.
        """
        rest = self._drawn(plan, rendering)
        left = self._pictures.bounds.held_pictures_bytes
        async for drawn in rest:
            if drawn.picture is None:
                plan.left_out += 1
                plan.failure = plan.failure or drawn.failure
                continue
            plan.held.append(drawn)
            left -= len(drawn.picture)
            if left <= 0:
                break
        if not plan.held and plan.failure is not None:
            raise plan.failure
        return rest

    async def _drawn(
        self, plan: ManyPictures, rendering: Rendering
    ) -> AsyncGenerator[DrawnInstance, None]:
        ahead: asyncio.Task[DrawnInstance | None] | None = None
        patience = 0.0  # who is refused at the beginning can be told so
        try:
            for scope, uids in plan.wanted:
                drawing = partial(self._one, scope, uids, rendering)
                following = asyncio.create_task(patiently(drawing, patience))
                patience = PATIENCE_SECONDS
                current, ahead = ahead, following
                if current is not None and (drawn := await current) is not None:
                    yield drawn
            if ahead is not None and (drawn := await ahead) is not None:
                ahead = None
                yield drawn
        finally:
            if ahead is not None:
                await tasks.end(ahead)

    async def _one(
        self, scope: Scope, uids: InstanceUIDs, rendering: Rendering
    ) -> DrawnInstance | None:
        try:
            try:
                picture = await self._draw(scope, rendering)
            except ObjectMissing:
                # A new version may have come between the two reads.
                picture = await self._draw(scope, rendering)
        except NotHeld:
            return None  # deleted meanwhile
        except (*NOT_DRAWN, ObjectMissing) as error:
            return DrawnInstance(uids, None, error)
        return DrawnInstance(uids, picture)

    async def _draw(self, scope: Scope, rendering: Rendering) -> bytes:
        found = await self._pictures.find(scope)
        if rendering.picture is PictureType.GIF:
            return await self._pictures.moving(found, rendering)
        return await self._pictures.representative(found, rendering)


async def all_drawn(
    plan: ManyPictures, rest: AsyncGenerator[DrawnInstance, None]
) -> AsyncGenerator[DrawnInstance, None]:
    """Yield what is held, letting go of it, and what is made after that."""
    async with aclosing(rest) as following:
        while plan.held:
            yield plan.held.pop(0)
        async for drawn in following:
            yield drawn
