"""Frames in another transfer syntax: made one after another, held while there is room."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from hilum.catalogue.frame_pieces import FoundFrames, FrameContent, FramePiece
from hilum.catalogue.kept_frames import KeptFrames
from hilum.catalogue.patience import patiently
from hilum.catalogue.stored_frames import StoredFrames
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import PixelLimitExceeded
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.foundation import tasks
from hilum.foundation.memory import HeldMemory
from hilum.ports.pixels import PixelEngine

_AT_A_TIME: Final = 2
"""Frames of one answer that are being made, or wait to be sent."""
_BESIDE: Final = 1 + _AT_A_TIME
_HOPELESS: Final = 2
"""Frames that would be so many times what may be held are not held, which would only take time."""


class TranscodedFrames:
    """The wanted frames as `engine` makes them.

    Up to `held_bytes` of them are made by `prepare` and held: when those are all, their sizes are
    known before anything is sent. The others are made while they are sent, two ahead. What all that
    may take is held of `memory` until they were opened and read, or this object is gone.
    """

    def __init__(
        self,
        engine: PixelEngine,
        found: FoundFrames,
        stored: StoredFrames,
        pixels: ImagePixels,
        target: TransferSyntaxUID,
        memory: HeldMemory,
        kept: KeptFrames | None = None,
    ) -> None:
        """Frames that are `kept` are not made again, and so not `described`."""
        self._kept = kept
        self._engine = engine
        self._found = found
        self._stored = stored
        self._pixels = pixels
        if found.is_native:
            syntax = TransferSyntaxUID(EXPLICIT_VR_LITTLE_ENDIAN)
            self._pixels = replace(pixels, transfer_syntax_uid=syntax)
        self._target = target
        self._memory = memory
        self._held: list[bytes] = []
        self.described: Final[set[ImagePixels]] = set()
        """How the frames made so far are to be read: one entry, when they agree."""

    @property
    def sizes(self) -> Sequence[int] | None:
        """Bytes of each wanted frame; None when not all are made."""
        if len(self._held) < len(self._found.frames):
            return None
        return [len(each) for each in self._held]

    @property
    def made(self) -> Sequence[int]:
        """Bytes of the frames that are made and held, from the first on."""
        return [len(each) for each in self._held]

    async def prepare(self, held_bytes: int, frame_bytes: int) -> None:
        """Make the first frames, one at least.

        Raises `PixelLimitExceeded` for a frame with more than `frame_bytes` as stored, and what
        `PixelEngine.transcode` raises.
        """
        stored = self._largest_stored()
        if stored > frame_bytes:
            what = "A frame that would have to be decoded is too large"
            raise PixelLimitExceeded("retrieve.decoded_frame_bytes", frame_bytes, what)
        each = stored + self._most_decoded(frame_bytes)
        several = len(set(self._found.frames)) > 1
        # The one that is being sent, those that are being made, and those that are held.
        await self._memory.reserve(_BESIDE * each + held_bytes if several else each)
        try:
            held = await self._prepare(held_bytes)
        except BaseException:
            self._memory.release()
            await self._stored.close()
            raise
        if self.sizes is not None:
            await self._stored.close()
        self._memory.shrink(held if self.sizes is not None else held + _BESIDE * each)

    async def _prepare(self, left: int) -> int:
        made: dict[int, bytes] = {}
        most = _HOPELESS * left
        for position, frame in enumerate(self._found.frames):
            if position and (left <= 0 or len(self._held[0]) * len(self._found.frames) > most):
                break
            if frame not in made:
                made[frame] = await self._make(position)
                left -= len(made[frame])
            self._held.append(made[frame])
        return sum(map(len, made.values()))

    async def read(self, position: int) -> bytes:
        """Return one frame of those that are all made. Nothing can be read after it."""
        self._memory.release()
        return self._held[position]

    async def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        """Yield the bytes of the pieces in order. Raises as `PixelEngine.transcode` does."""
        ahead: deque[tuple[int, asyncio.Task[bytes]]] = deque()
        try:
            for piece in pieces:
                position = piece.position
                if position < len(self._held):
                    yield FrameContent(position, self._held[position][piece.start : piece.stop])
                    continue
                self._begin(position, ahead)
                _, current = ahead.popleft()
                data = await current
                self._begin(position + 1, ahead)
                yield FrameContent(position, data[piece.start : piece.stop])
        finally:
            self._memory.release()
            await tasks.end(*(task for _, task in ahead))
            await self._stored.close()

    def _begin(self, position: int, ahead: "deque[tuple[int, asyncio.Task[bytes]]]") -> None:
        """Let frames from `position` on be made, as many as may be at a time."""
        following = ahead[-1][0] + 1 if ahead else position
        stop = min(position + _AT_A_TIME, len(self._found.frames))
        for each in range(following, stop):
            making = asyncio.create_task(patiently(partial(self._make, each)))
            ahead.append((each, making))

    def _largest_stored(self) -> int:
        """Bytes of the largest of the frames as stored."""
        places, frames = self._found.places, self._found.frames
        if frames == range(places.table.number_of_frames):
            return places.largest_bytes
        return max(map(places.size_bytes, frames))

    def _most_decoded(self, frame_bytes: int) -> int:
        """Bytes of a frame as it comes out; one that is larger is refused by the engine."""
        pixels = self._pixels
        samples = pixels.rows * pixels.columns * pixels.samples_per_pixel
        return min(-(samples * pixels.bits_allocated // -8), frame_bytes)

    async def _make(self, position: int) -> bytes:
        if self._kept is None:
            return await self._made(position)
        return await self._kept(self._found.frames[position], lambda: self._made(position))

    async def _made(self, position: int) -> bytes:
        frame = EncodedFrame(self._pixels, await self._stored.read(position))
        made = await self._engine.transcode(frame, self._target)
        self.described.add(made.pixels)
        return made.data
