"""Frames in another transfer syntax: made one after another, held while there is room."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from hilum.catalogue.frame_pieces import FoundFrames, FrameContent, FramePiece
from hilum.catalogue.stored_frames import StoredFrames
from hilum.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from hilum.domain.errors import PixelLimitExceeded
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.ports.pixels import PixelEngine


class TranscodedFrames:
    """The wanted frames as `engine` makes them.

    Up to `held_bytes` of them are made by `prepare` and held: when those are all, their sizes are
    known before anything is sent. The others are made while they are sent, one ahead.
    """

    def __init__(
        self,
        engine: PixelEngine,
        found: FoundFrames,
        stored: StoredFrames,
        pixels: ImagePixels,
        target: TransferSyntaxUID,
    ) -> None:
        self._engine = engine
        self._found = found
        self._stored = stored
        self._pixels = pixels
        if found.is_native:
            syntax = TransferSyntaxUID(EXPLICIT_VR_LITTLE_ENDIAN)
            self._pixels = replace(pixels, transfer_syntax_uid=syntax)
        self._target = target
        self._held: list[bytes] = []

    @property
    def sizes(self) -> Sequence[int] | None:
        """Bytes of each wanted frame; None when not all are made."""
        if len(self._held) < len(self._found.frames):
            return None
        return [len(each) for each in self._held]

    async def prepare(self, held_bytes: int, frame_bytes: int) -> None:
        """Make the first frames, one at least.

        Raises `PixelLimitExceeded` for a frame with more than `frame_bytes` as stored, and what
        `PixelEngine.transcode` raises.
        """
        for frame in set(self._found.frames):
            if self._found.places.size_bytes(frame) > frame_bytes:
                what = "A frame that would have to be decoded is too large"
                raise PixelLimitExceeded("retrieve.decoded_frame_bytes", frame_bytes, what)
        made: dict[int, bytes] = {}
        for position, frame in enumerate(self._found.frames):
            if position and held_bytes <= 0:
                break
            if frame not in made:
                made[frame] = await self._make(position)
                held_bytes -= len(made[frame])
            self._held.append(made[frame])

    async def open(self, pieces: Iterable[FramePiece]) -> AsyncGenerator[FrameContent, None]:
        """Yield the bytes of the pieces in order. Raises as `PixelEngine.transcode` does."""
        ahead: asyncio.Task[bytes] | None = None
        count = len(self._found.frames)
        try:
            for piece in pieces:
                position = piece.position
                if position < len(self._held):
                    yield FrameContent(position, self._held[position][piece.start : piece.stop])
                    continue
                current = ahead or asyncio.create_task(self._make(position))
                ahead = None
                data = await current
                if position + 1 < count:
                    ahead = asyncio.create_task(self._make(position + 1))
                yield FrameContent(position, data[piece.start : piece.stop])
        finally:
            if ahead is not None:
                ahead.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await ahead

    async def _make(self, position: int) -> bytes:
        frame = EncodedFrame(self._pixels, await self._stored.read(position))
        return (await self._engine.transcode(frame, self._target)).data
