"""Drawing in threads of the serving process: what is small, native and plain.

A process of its own is there for codecs that read hostile codestreams, for colour profiles and for
letters. Native samples that become grey levels and a JPEG meet none of them, and to send them to a
worker takes longer than to draw them. What is done here is bounded in bytes, and so in time.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from hilum.adapters.pixels.outcomes import PixelOptions, measured, no_memory
from hilum.domain.errors import PixelEngineBusy, ShuttingDown
from hilum.domain.images import EncodedFrame
from hilum.domain.presentation import ColourSpace, Display, PictureType, Rendering
from hilum.imaging.layout import frame_bytes
from hilum.imaging.placing import PictureLimits
from hilum.imaging.syntaxes import SYNTAXES, Codec
from hilum.ports.pixel_telemetry import PixelMeter


def _draw(
    frame: EncodedFrame, display: Display, rendering: Rendering, limits: PictureLimits
) -> bytes:
    """Draw in a thread. Codecs are loaded by the first picture: many servers never draw one."""
    from hilum.imaging.presenting import draw  # noqa: PLC0415

    return draw(frame, display, rendering, limits)


class NearbyDrawing:
    """A bounded pool of threads; used from one event loop."""

    def __init__(
        self, options: PixelOptions, picture_limits: PictureLimits, meter: PixelMeter
    ) -> None:
        self._options = options
        self._limits = picture_limits
        self._meter = meter
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="drawing")
        self._drawing = 0
        self._closed = False

    def takes(
        self, frame: EncodedFrame, display: Display, rendering: Rendering, picture_pixels: int
    ) -> bool:
        """Whether a frame is drawn here; `picture_pixels` is what its picture has."""
        pixels = frame.pixels
        syntax = SYNTAXES.get(pixels.transfer_syntax_uid)
        size = max(len(frame.data), frame_bytes(pixels), picture_pixels * pixels.samples_per_pixel)
        return (
            size <= self._options.nearby_bytes
            and syntax is not None
            and syntax.codec is Codec.NATIVE
            and rendering.picture is PictureType.JPEG
            and rendering.colour_space is ColourSpace.NO
            and not rendering.annotations
            and not display.overlays
            and display.palette is None
        )

    async def draw(self, frame: EncodedFrame, display: Display, rendering: Rendering) -> bytes:
        """See `PictureEngine`. Who goes meanwhile leaves a task behind that soon ends by itself."""
        with measured(self._meter, "draw"):
            if self._closed:
                message = "The server is shutting down."
                raise ShuttingDown(message)
            waiting = self._drawing - self._options.workers
            if waiting >= self._options.queue:
                message = f"{waiting} frames wait already (setting pixels.queue)."
                raise PixelEngineBusy(message)
            work = self._threads.submit(_draw, frame, display, rendering, self._limits)
            drawing = asyncio.wrap_future(work)
            self._drawing += 1
            drawing.add_done_callback(self._end)
            try:
                return await drawing
            except MemoryError as error:
                raise no_memory(self._options) from error

    async def close(self) -> None:
        """Wait for what is being drawn; nothing is begun any more."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)

    def _end(self, _: "asyncio.Future[bytes]") -> None:
        self._drawing -= 1
