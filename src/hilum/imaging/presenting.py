"""Stored frames to pictures: decode, grey levels or colours, overlays, viewport, file."""

from collections.abc import Iterable, Iterator

import numpy as np

from hilum.domain.errors import NotTranscodable
from hilum.domain.images import EncodedFrame
from hilum.domain.presentation import Captions, Display, Rendering
from hilum.imaging.colour import painted, rgb
from hilum.imaging.decoding import decode, decode_words, syntax_of
from hilum.imaging.layout import demand_possible
from hilum.imaging.native import values_of
from hilum.imaging.overlays import with_overlays
from hilum.imaging.pictures import moving, written
from hilum.imaging.pixels import Array, Decoded
from hilum.imaging.placing import PictureLimits, placed
from hilum.imaging.resizing import resized
from hilum.imaging.syntaxes import WORDY
from hilum.imaging.values import grey_levels

_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})


def draw(
    frame: EncodedFrame, display: Display, rendering: Rendering, limits: PictureLimits
) -> bytes:
    """Return the picture of a frame as a file of `rendering.picture`.

    Raises `PixelsNotDecodable`, `PixelLimitExceeded`, `NotTranscodable` (these pixels cannot be
    drawn, or not in that format) and `InvalidQuery` (a viewport beside the image).
    """
    picture = picture_of(frame, display, rendering, limits)
    return written(picture, rendering, display.captions, display.icc_profile)


def draw_moving(
    frames: Iterable[tuple[EncodedFrame, Display]], rendering: Rendering, limits: PictureLimits
) -> bytes:
    """Return frames as one GIF, at the pace of the first one's data set. Raises as `draw` does."""
    remaining = iter(frames)
    first = next(remaining, None)
    captions, milliseconds = Captions(), None
    if first is not None:
        captions, milliseconds = first[1].captions, first[1].frame_milliseconds

    def pictures() -> Iterator[Array]:
        if first is not None:
            yield picture_of(*first, rendering, limits)
        for frame, display in remaining:
            yield picture_of(frame, display, rendering, limits)

    return moving(pictures(), rendering, captions, milliseconds, limits.picture_pixels)


def picture_of(
    frame: EncodedFrame, display: Display, rendering: Rendering, limits: PictureLimits
) -> Array:
    """Return what a frame looks like: uint8, (rows, columns) or (rows, columns, 3).

    Raises what `draw` does.
    """
    pixels = frame.pixels
    demand_possible(pixels, limits.frame_bytes)
    placement = placed(
        pixels.rows,
        pixels.columns,
        display.pixel_aspect,
        rendering.viewport,
        limits.picture_pixels,
    )
    words = None
    if syntax_of(frame).codec in WORDY:
        stored = decode_words(frame, limits.frame_bytes)
        decoded = values_of(stored)
        words = stored.values if pixels.samples_per_pixel == 1 else None
    else:
        decoded = decode(frame, limits.frame_bytes)
    picture = with_overlays(_seen(decoded, display, rendering), display.overlays, words)
    return resized(picture, placement)


def _seen(decoded: Decoded, display: Display, rendering: Rendering) -> Array:
    pixels = decoded.pixels
    photometric = pixels.photometric_interpretation
    if pixels.samples_per_pixel != 1:
        return rgb(decoded)
    if photometric == "PALETTE COLOR":
        if display.palette is None:
            message = "The image has no usable palette."
            raise NotTranscodable(message)
        return painted(decoded.values, display.palette)
    if photometric not in _GREY:
        message = f"Images that are {photometric[:16]} cannot be drawn."
        raise NotTranscodable(message)
    grey = grey_levels(decoded, display, rendering.window)
    palette = display.palette
    if palette is None:
        return grey
    colours = painted(decoded.values, palette)
    is_grey = decoded.values < palette.red.first
    colours[is_grey] = np.repeat(grey[is_grey][:, np.newaxis], 3, axis=1)
    return colours
