"""Decoding, encoding and drawing frames, away from whoever asks."""

from collections.abc import Sequence
from typing import Protocol

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.domain.presentation import Display, Rendering
from hilum.validation.decoding import FrameJudge


class PixelEngine(Protocol):
    """Works on one frame at a time, within limits of memory and time."""

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        """Return the frame in the transfer syntax `target`.

        Raises `PixelsNotDecodable` (the stored bytes are no such frame), `NotTranscodable` (the
        target cannot hold these pixels), `PixelLimitExceeded` (larger or slower than allowed) and
        `PixelEngineBusy` (its queue is full).
        """
        ...


class PictureEngine(Protocol):
    """Draws frames, within the same limits; the same request gives the same bytes."""

    async def draw(self, frame: EncodedFrame, display: Display, rendering: Rendering) -> bytes:
        """Return the picture of a frame as a file of `rendering.picture`.

        Raises what `PixelEngine.transcode` raises (`NotTranscodable`: it cannot be drawn, or not in
        that format), and `InvalidQuery` for a viewport beside the image.
        """
        ...

    async def draw_moving(
        self, frames: Sequence[tuple[EncodedFrame, Display]], rendering: Rendering
    ) -> bytes:
        """Return frames, one at least, as one moving GIF. Raises as `draw` does."""
        ...


class ImageEngine(PixelEngine, PictureEngine, FrameJudge, Protocol):
    """Does all of it."""
