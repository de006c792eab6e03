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
        # What of the overlay lies in the picture, in its own rows and columns.
        rows = range(max(0, -overlay.row), min(overlay.rows, picture.shape[0] - overlay.row))
        columns = range(
            max(0, -overlay.column), min(overlay.columns, picture.shape[1] - overlay.column)
        )
        if not rows or not columns:
            continue
        plane = _plane(overlay, words, rows, columns)
        if overlay.is_region:
            plane = _outline(plane)
        top, left = overlay.row + rows.start, overlay.column + columns.start
        picture[top : top + len(rows), left : left + len(columns)][plane] = _WHITE
    return picture


def _plane(overlay: Overlay, words: Array | None, rows: range, columns: range) -> Array:
    """Return what is seen of a plane: bool, (rows, columns)."""
    seen = np.zeros((len(rows), len(columns)), bool)
    if overlay.data:
        bits = np.frombuffer(overlay.data, np.uint8)
        for at, row in enumerate(rows):  # a row at a time, since bits need eight times their room
            first = overlay.bit + row * overlay.columns + columns.start
            stop = first + len(columns)
            line = np.unpackbits(bits[first // 8 : -(stop // -8)], bitorder="little")
            seen[at] = line[first % 8 : first % 8 + len(columns)]
    elif words is not None and overlay.bit < 8 * words.dtype.itemsize:
        part = words[rows.start : rows.stop, columns.start : columns.stop] >> overlay.bit & 1
        seen[: part.shape[0], : part.shape[1]] = part
    return seen


def _outline(plane: Array) -> Array:
    """Return the points of a region that do not have all four neighbours in it."""
    around = np.pad(plane, 1)
    inside = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    outline: Array = plane & ~inside
    return outline
