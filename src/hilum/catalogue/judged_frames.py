"""Every frame of a stored instance decoded, to see what comes of it."""

import asyncio
from typing import Final

from hilum.catalogue.frames import Frames
from hilum.domain.errors import NotHeld, ObjectMissing, PixelsNotDecodable
from hilum.domain.identifiers import Scope
from hilum.validation.decoding import FrameJudge, check_frames
from hilum.validation.findings import Finding

_AT_ONCE: Final = 2
"""Instances, and frames of each, that are decoded at the same time: they are in memory."""


class JudgedFrames:
    """Says what is wrong with frames; their headers are somebody else's matter."""

    def __init__(self, frames: Frames, judge: FrameJudge) -> None:
        self._frames = frames
        self._judge = judge
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, scope: Scope) -> tuple[Finding, ...]:
        """Decode the frames of the one instance of `scope`.

        Nothing is told of one that has none, or that went meanwhile. Raises `ArchiveUnavailable`,
        and `PixelEngineBusy` when others keep the judge busy for minutes.
        """
        try:
            async with self._turns:
                image = await self._frames.image(scope)
                return await check_frames(image, self._judge, _AT_ONCE)
        except (NotHeld, ObjectMissing, PixelsNotDecodable):
            return ()
