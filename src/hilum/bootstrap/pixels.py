"""The processes that work on pixels."""

from hilum.adapters.pixels.outcomes import PixelOptions
from hilum.adapters.pixels.pool import PixelPool
from hilum.ports.pixel_telemetry import PixelMeter, SilentPixelMeter
from hilum.settings import Settings


def make_pixels(settings: Settings, meter: PixelMeter | None) -> PixelPool:
    """The pool; nothing is started before it is needed."""
    pixels = settings.pixels
    options = PixelOptions(
        workers=pixels.workers,
        memory_bytes=pixels.memory_bytes,
        task_seconds=pixels.task_seconds,
        queue=pixels.queue,
        maximum_frame_bytes=pixels.maximum_frame_bytes,
        lossy=pixels.lossy,
        maximum_picture_pixels=pixels.maximum_picture_pixels,
        nearby_bytes=pixels.nearby_bytes,
    )
    return PixelPool(options, meter or SilentPixelMeter())
