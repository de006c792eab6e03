"""Pictures cut, scaled and flipped as a placement says."""

from typing import Final

import numpy as np
from PIL import Image

from hilum.imaging.pixels import Array
from hilum.imaging.placing import Placement

_SMALLEST: Final = 1e-6


def resized(picture: Array, placement: Placement) -> Array:
    """Return the picture of a placement; uint8, as many samples as before."""
    rows, columns = picture.shape[:2]
    size = placement.width, placement.height
    if _edges(placement) != [0, 0, columns, rows] or size != (columns, rows):
        # Whole pixels first, so that what lies outside is not even looked at.
        left, top = int(placement.left), int(placement.top)
        right = min(columns, int(placement.right + 1 - _SMALLEST))
        bottom = min(rows, int(placement.bottom + 1 - _SMALLEST))
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        inner = (
            placement.left - left,
            placement.top - top,
            min(placement.right - left, float(part.shape[1])),
            min(placement.bottom - top, float(part.shape[0])),
        )
        image = Image.fromarray(part).resize(size, Image.Resampling.BICUBIC, box=inner)
        picture = np.asarray(image)
    if placement.is_flipped:
        picture = picture[:, ::-1]
    return picture[::-1] if placement.is_upside_down else picture


def _edges(placement: Placement) -> list[float]:
    return [placement.left, placement.top, placement.right, placement.bottom]
