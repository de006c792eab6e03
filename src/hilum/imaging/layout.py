"""How large a decoded frame is, and whether its description makes sense; nothing is decoded."""

from typing import Final

from hilum.domain.errors import PixelLimitExceeded, PixelsNotDecodable
from hilum.domain.images import ImagePixels

LIMIT: Final = "pixels.maximum_frame_bytes"
_ALLOCATED: Final = frozenset({1, 8, 16, 32, 64})


def sample_bytes(pixels: ImagePixels) -> int:
    """Bytes of a decoded sample."""
    return max(1, pixels.bits_allocated // 8)


def frame_bytes(pixels: ImagePixels) -> int:
    """Bytes of a decoded frame."""
    return pixels.rows * pixels.columns * pixels.samples_per_pixel * sample_bytes(pixels)


def demand_possible(pixels: ImagePixels, maximum_bytes: int) -> None:
    """Check a description before anything is done with the frame.

    Raises `PixelsNotDecodable` when no image can be like that, `PixelLimitExceeded` when it would
    have more than `maximum_bytes`.
    """
    layout = pixels.bits_allocated, pixels.bits_stored, pixels.high_bit
    allocated, stored, high = layout
    if (
        min(pixels.rows, pixels.columns, pixels.samples_per_pixel) < 1
        or max(pixels.rows, pixels.columns) > 0xFFFF
        or pixels.samples_per_pixel > 4
        or pixels.planar_configuration not in {0, 1}
    ):
        message = "The image has no possible size."
        raise PixelsNotDecodable(message)
    if allocated not in _ALLOCATED or not 1 <= stored <= high + 1 <= allocated:
        told = " / ".join(map(str, layout))
        message = f"Bits allocated / stored / high bit are {told}, which nothing can be decoded by."
        raise PixelsNotDecodable(message)
    size = frame_bytes(pixels)
    if size > maximum_bytes:
        raise PixelLimitExceeded(LIMIT, maximum_bytes, f"A frame has {size} bytes when decoded")
