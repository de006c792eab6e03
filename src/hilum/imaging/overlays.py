"""Overlay planes drawn into pictures (PS3.3 C.9.2)."""

from collections.abc import Sequence

import numpy as np

from hilum.domain.presentation import Overlay
from hilum.imaging.pixels import Array

_WHITE = 255


def with_overlays(picture: Array, overlays: Sequence[Overlay], words: Array | None) -> Array:
    """Return a picture with the planes drawn in white: graphics filled, regions outlined.

    `words` are the frame's as stored, for planes in bits that no sample uses; None when a
    compressed frame has no such bits, and those planes are not drawn.
    """
    drawn = [overlay for overlay in overlays if overlay.data or words is not None]
    if not drawn:
        return picture
    picture = picture.copy()
    for overlay in drawn:
        plane = _plane(overlay, words)
        _draw(picture, _outline(plane) if overlay.is_region else plane, overlay)
    return picture


def _plane(overlay: Overlay, words: Array | None) -> Array:
    if not overlay.data and words is not None:
        if overlay.bit >= 8 * words.dtype.itemsize:
            return np.zeros((0, 0), bool)
        seen: Array = words[: overlay.rows, : overlay.columns] >> overlay.bit & 1
        return seen > 0
    count = overlay.rows * overlay.columns
    bits = np.unpackbits(np.frombuffer(overlay.data, np.uint8), bitorder="little")
    plane = bits[overlay.bit : overlay.bit + count].astype(bool)
    return plane.reshape(overlay.rows, overlay.columns)


def _outline(plane: Array) -> Array:
    """Return the points of a region that do not have all four neighbours in it."""
    around = np.pad(plane, 1)
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return plane & ~inside


def _draw(picture: Array, plane: Array, overlay: Overlay) -> None:
    """Draw the part of a plane that lies in the picture."""
    top, left = max(0, overlay.row), max(0, overlay.column)
    bottom = min(picture.shape[0], overlay.row + plane.shape[0])
    right = min(picture.shape[1], overlay.column + plane.shape[1])
    if top >= bottom or left >= right:
        return
    seen = plane[
        top - overlay.row : bottom - overlay.row, left - overlay.column : right - overlay.column
    ]
    picture[top:bottom, left:right][seen] = _WHITE
