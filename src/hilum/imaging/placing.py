"""Which part of an image is seen, and how large: numbers only, nothing is drawn."""

import math
from dataclasses import dataclass
from typing import Final

from hilum.domain.errors import InvalidQuery, PixelLimitExceeded
from hilum.domain.images import ImagePixels
from hilum.domain.presentation import Display, Rendering, Viewport
from hilum.imaging.layout import demand_possible

LIMIT: Final = "pixels.maximum_picture_pixels"


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Bounds that are kept before memory is taken."""

    frame_bytes: int
    """Of a decoded frame."""
    picture_pixels: int
    """Of a picture; of all frames together where it moves."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A region of an image and the picture made of it."""

    left: float
    """Edges of the region, in pixels of the image."""
    top: float
    right: float
    bottom: float
    width: int
    """Pixels of the picture."""
    height: int
    is_flipped: bool = False
    """Left and right change places."""
    is_upside_down: bool = False


def placed(
    rows: int, columns: int, pixel_aspect: float, viewport: Viewport | None, maximum_pixels: int
) -> Placement:
    """Say how an image fits into a viewport (PS3.18 8.3.5.1.3).

    The region is cut to the image, then made as large as the viewport allows without changing its
    shape, which takes the shape of its pixels (`pixel_aspect`, height over width) into account.
    Without a viewport, the picture has the pixels of the image.

    Raises `InvalidQuery` for a viewport without size or with a region beside the image,
    `PixelLimitExceeded` for a picture of more than `maximum_pixels`.
    """
    if viewport is None:
        return _within(Placement(0, 0, columns, rows, columns, rows), maximum_pixels)
    if viewport.width < 1 or viewport.height < 1:
        raise InvalidQuery("viewport", "its width and height must be above 0")
    left, right = _region(viewport.x, viewport.region_width, columns)
    top, bottom = _region(viewport.y, viewport.region_height, rows)
    width, height = right - left, (bottom - top) * pixel_aspect
    scale = min(viewport.width / width, viewport.height / height)
    return _within(
        Placement(
            left,
            top,
            right,
            bottom,
            _pixels(width * scale, viewport.width),
            _pixels(height * scale, viewport.height),
            is_flipped=(viewport.region_width or 0) < 0,
            is_upside_down=(viewport.region_height or 0) < 0,
        ),
        maximum_pixels,
    )


def _region(start: float, size: float | None, available: int) -> tuple[float, float]:
    known = [start] if size is None else [start, size]
    if not all(math.isfinite(each) for each in known) or start < 0 or size == 0:
        raise InvalidQuery("viewport", "its region is none")
    end = float(available) if size is None else min(float(available), start + abs(size))
    if end - start < 1 / 64:  # what is seen of less than that is rounding
        raise InvalidQuery("viewport", "its region lies outside of the image")
    return start, end


def _pixels(size: float, most: int) -> int:
    return max(1, min(most, round(size)))


def _within(placement: Placement, maximum_pixels: int) -> Placement:
    pixels = placement.width * placement.height
    if pixels > maximum_pixels:
        raise PixelLimitExceeded(LIMIT, maximum_pixels, f"The picture would have {pixels} pixels")
    return placement


def picture_pixels(
    pixels: ImagePixels, display: Display, rendering: Rendering, limits: PictureLimits
) -> int:
    """Return how many pixels the picture of a frame has, before anything is decoded.

    Raises what `demand_possible` and `placed` raise.
    """
    demand_possible(pixels, limits.frame_bytes)
    placement = placed(
        pixels.rows,
        pixels.columns,
        display.pixel_aspect,
        rendering.viewport,
        limits.picture_pixels,
    )
    return placement.width * placement.height
