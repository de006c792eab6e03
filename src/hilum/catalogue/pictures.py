"""Drawing frames: one use case for rendered resources and thumbnails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from hilum.catalogue.derivations import Derivations
from hilum.catalogue.frame_pieces import FoundFrames, FramePiece
from hilum.catalogue.frames import Frames
from hilum.catalogue.picture_recipes import picture_recipe
from hilum.catalogue.shown_images import ShownImage, ShownImages
from hilum.catalogue.stored_frames import StoredFrames
from hilum.domain.errors import LimitExceeded, NotTranscodable, PixelLimitExceeded
from hilum.domain.identifiers import Scope
from hilum.domain.images import EncodedFrame
from hilum.domain.presentation import Display, Rendering
from hilum.foundation.memory import HeldMemory, MemoryBudget
from hilum.imaging.placing import PictureLimits, picture_pixels
from hilum.imaging.syntaxes import SYNTAXES
from hilum.ports.derived import DerivedStore
from hilum.ports.pixels import PictureEngine

_REPRESENTATIVE: Final = "representative"
_MOVING: Final = "moving"


@dataclass(frozen=True, slots=True)
class PictureBounds:
    """Bounds on drawing; the settings `retrieve` have the same names where they have any."""

    decoded_frame_bytes: int = 256 << 20
    """Largest frame, as stored, that is drawn; of a moving picture all frames together."""
    moving_frames: int = 1000
    """Frames of a moving picture."""
    drawing_memory_bytes: int = 1 << 30
    """Memory of all frames that are being drawn; further requests wait."""
    pictures_per_request: int = 2000
    """Instances of a study or series that are drawn for one request."""
    held_pictures_bytes: int = 4 << 20
    """Pictures of several instances that are made before the answer begins."""
    maximum_frame_bytes: int = 256 << 20
    """Of a decoded frame; this and the next bound the engine, too."""
    maximum_picture_pixels: int = 1 << 26


class Pictures:
    """Draws what an instance has to show, unless `derived` has the picture already."""

    def __init__(
        self,
        frames: Frames,
        shown: ShownImages,
        engine: PictureEngine,
        bounds: PictureBounds | None = None,
        derived: DerivedStore | None = None,
    ) -> None:
        self._frames = frames
        self._shown = shown
        self._engine = engine
        self.bounds = bounds or PictureBounds()
        self._derivations = Derivations(derived)
        self._limits = PictureLimits(
            self.bounds.maximum_frame_bytes, self.bounds.maximum_picture_pixels
        )
        self._memory = MemoryBudget(self.bounds.drawing_memory_bytes)

    async def find(self, scope: Scope, frames: Sequence[int] = ()) -> FoundFrames:
        """Find the one instance of `scope`, and frames, which count from 0.

        Raises what `Frames.find` raises, and `FramesUnknown` also when no frame is named.
        """
        found = await self._frames.find(scope, frames)
        found.places.check(0)
        return found

    def can_draw(self, transfer_syntax_uid: str) -> bool:
        """Whether frames in a transfer syntax can be decoded, as far as that tells."""
        known = SYNTAXES.get(transfer_syntax_uid)
        return known is not None and known.decodes

    async def size(self, found: FoundFrames) -> tuple[int, int]:
        """Rows and columns of the frames. Raises as `frame` does when they cannot be drawn."""
        pixels = (await self._image(found)).pixels
        return pixels.rows, pixels.columns

    async def frame(self, found: FoundFrames, frame: int, rendering: Rendering) -> bytes:
        """Draw one frame.

        Raises `NotTranscodable` (it cannot be drawn, or not in that format), `PixelsNotDecodable`,
        `UnreadableInstance` (what is before its pixels cannot be read any more),
        `PixelLimitExceeded`, `PixelEngineBusy`, `InvalidQuery` (a viewport beside the image),
        `ObjectMissing` (also: the instance was replaced meanwhile) and `ArchiveUnavailable`.
        """
        return await self._once(
            found, str(frame), rendering, lambda: self._draw(found, frame, rendering)
        )

    async def representative(
        self, found: FoundFrames, rendering: Rendering, *, otherwise: int = 0
    ) -> bytes:
        """Draw the frame that stands for all: the one the instance names, else `otherwise`.

        Raises as `frame` does.
        """

        async def draw() -> bytes:
            shown = await self._image(found)
            named = shown.representative_frame
            number = found.places.table.number_of_frames
            frame = otherwise if named is None or named >= number else named
            return await self._draw(found, frame, rendering)

        return await self._once(found, f"{_REPRESENTATIVE}-{otherwise}", rendering, draw)

    async def moving(self, found: FoundFrames, rendering: Rendering) -> bytes:
        """Draw all frames as one moving GIF. Raises as `frame` does, and `LimitExceeded`."""
        number, most = found.places.table.number_of_frames, self.bounds.moving_frames
        if number > most:
            what = "The instance has more frames than a moving picture may have"
            raise LimitExceeded("retrieve.moving_frames", most, what)
        return await self._once(
            found, _MOVING, rendering, lambda: self._draw_moving(found, rendering)
        )

    async def _once(
        self,
        found: FoundFrames,
        frame: str,
        rendering: Rendering,
        make: Callable[[], Awaitable[bytes]],
    ) -> bytes:
        recipe = picture_recipe(found.dataset_sha256, frame, rendering)
        return await self._derivations(found.record.version, recipe, make)

    async def _image(self, found: FoundFrames) -> ShownImage:
        if not self.can_draw(found.record.transfer_syntax_uid):
            syntax = found.record.transfer_syntax_uid
            message = f"Images in transfer syntax {syntax} cannot be drawn."
            raise NotTranscodable(message)
        return await self._shown.of(found)

    async def _draw(self, found: FoundFrames, frame: int, rendering: Rendering) -> bytes:
        shown = await self._image(found)
        one = replace(found, frames=(frame,))
        # Tables are expanded for it, which takes its time.
        display = (
            await asyncio.to_thread(shown.display, frame) if shown.values else shown.display(frame)
        )
        memory = await self._reserved(one, shown, [display], rendering)
        try:
            stored = await self._frames.as_decoded(one)
            encoded = EncodedFrame(shown.pixels, await stored.read(0))
            return await self._engine.draw(encoded, display, rendering)
        finally:
            memory.release()

    async def _draw_moving(self, found: FoundFrames, rendering: Rendering) -> bytes:
        shown = await self._image(found)
        numbers = range(found.places.table.number_of_frames)
        every = replace(found, frames=numbers)
        displays = await asyncio.to_thread(lambda: [shown.display(frame) for frame in numbers])
        memory = await self._reserved(every, shown, displays, rendering)
        try:
            stored = await self._frames.as_decoded(every)
            encoded = [EncodedFrame(shown.pixels, data) for data in await _all_of(stored, every)]
            frames = list(zip(encoded, displays, strict=True))
            return await self._engine.draw_moving(frames, rendering)
        finally:
            memory.release()

    async def _reserved(
        self,
        found: FoundFrames,
        shown: ShownImage,
        displays: Sequence[Display],
        rendering: Rendering,
    ) -> HeldMemory:
        """Memory for frames as stored, as they go to a worker, and for their picture."""
        stored = sum(map(found.places.size_bytes, found.frames))
        most = self.bounds.decoded_frame_bytes
        if stored > most:
            what = "What would have to be decoded is too large"
            raise PixelLimitExceeded("retrieve.decoded_frame_bytes", most, what)
        pixels = sum(
            picture_pixels(shown.pixels, display, rendering, self._limits) for display in displays
        )
        memory = HeldMemory(self._memory)
        await memory.reserve(2 * stored + pixels)
        return memory


async def _all_of(stored: StoredFrames, found: FoundFrames) -> Sequence[bytes]:
    """Read frames in one pass."""
    sizes = map(found.places.size_bytes, found.frames)
    pieces = [FramePiece(position, 0, size) for position, size in enumerate(sizes)]
    frames = []
    async with aclosing(stored.open(pieces)) as opened:
        async for piece in opened:
            content = piece.content
            if not isinstance(content, bytes):
                content = b"".join([chunk async for chunk in content])
            frames.append(content)
    return frames
