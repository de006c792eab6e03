"""Decoding, encoding and drawing frames, away from whoever asks."""

from typing import Protocol

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame


class PixelEngine(Protocol):
    """Works on one frame at a time, within limits of memory and time."""

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        """Return the frame in the transfer syntax `target`.

        Raises `PixelsNotDecodable` (the stored bytes are no such frame), `NotTranscodable` (the
        target cannot hold these pixels), `PixelLimitExceeded` (larger or slower than allowed) and
        `PixelEngineBusy` (its queue is full).
        """
        ...
