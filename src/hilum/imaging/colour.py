"""Stored colours to red, green and blue of 8 bits (PS3.3 C.7.6.3.1.2)."""

from functools import partial
from typing import Final

import numpy as np

from hilum.domain.errors import NotTranscodable
from hilum.domain.presentation import LookupTable, Palette
from hilum.imaging.pixels import Array, Decoded
from hilum.imaging.values import looked_up, mapped

_BAND_ROWS_BYTES: Final = 1 << 22
_RED_CR, _GREEN_CB, _GREEN_CR, _BLUE_CB = 1.402, 0.344136, 0.714136, 1.772
"""Of ITU-R BT.601, as PS3.3 C.7.6.3.1.2 has it for YBR_FULL."""
_PARTIAL: Final = frozenset({"YBR_PARTIAL_422", "YBR_PARTIAL_420"})
_RGB: Final = frozenset({"RGB", "YBR_RCT", "YBR_ICT"})
"""Transforms of JPEG 2000 are taken back by its decoder."""


def rgb(decoded: Decoded) -> Array:
    """Return a frame of three samples as uint8, (rows, columns, 3). Raises `NotTranscodable`."""
    pixels = decoded.pixels
    photometric = pixels.photometric_interpretation
    is_ybr = photometric == "YBR_FULL" or photometric in _PARTIAL
    if pixels.samples_per_pixel != 3 or not (is_ybr or photometric in _RGB):
        message = f"Images that are {photometric[:16]} cannot be drawn."
        raise NotTranscodable(message)
    levels = _eight_bits(decoded)
    return _from_ybr(levels, is_partial=photometric in _PARTIAL) if is_ybr else levels


def painted(values: Array, palette: Palette) -> Array:
    """Return the colours of stored values as uint8, (rows, columns, 3)."""
    tables = palette.red, palette.green, palette.blue
    bits = [_bits_used(table, tables) for table in tables]
    out = np.empty((*values.shape, 3), np.uint8)
    for at, table in enumerate(tables):
        out[..., at] = mapped(values, partial(_entry, table, bits[at]))
    return out


def _entry(table: LookupTable, bits: int, stored: Array) -> Array:
    top = (1 << bits) - 1
    entries = np.minimum(looked_up(stored, table), top)
    if bits > 8:
        # Writers make 16 bits of 8 by a shift, or by 257: the upper ones are right for both.
        return (entries >> (bits - 8)).astype(np.uint8)
    return np.rint(entries * (255 / top)).astype(np.uint8)


def _bits_used(table: LookupTable, tables: tuple[LookupTable, ...]) -> int:
    """Some writers say 16 bits of entries that have 8, and then in all three tables."""
    if table.bits <= 8:
        return table.bits
    largest = max(int(np.frombuffer(each.entries, "<u2").max()) for each in tables)
    return table.bits if largest > 0xFF else 8


def _eight_bits(decoded: Decoded) -> Array:
    values, bits = decoded.values, decoded.pixels.bits_stored
    if values.dtype == np.uint8 and bits == 8:
        return values
    top = (1 << bits) - 1

    def level(stored: Array) -> Array:
        return np.rint(np.clip(stored.astype(np.float64), 0, top) * (255 / top)).astype(np.uint8)

    return mapped(values, level)


def _from_ybr(levels: Array, *, is_partial: bool) -> Array:
    out = np.empty_like(levels)
    rows = max(1, _BAND_ROWS_BYTES // (levels.shape[1] * 3 * 8))
    for first in range(0, levels.shape[0], rows):
        luma, blue, red = np.moveaxis(levels[first : first + rows].astype(np.float64), -1, 0)
        blue, red = blue - 128, red - 128
        if is_partial:  # 16 to 235 and 16 to 240
            luma, blue, red = (luma - 16) * (255 / 219), blue * (255 / 224), red * (255 / 224)
        colours = (
            luma + _RED_CR * red,
            luma - _GREEN_CB * blue - _GREEN_CR * red,
            luma + _BLUE_CB * blue,
        )
        for at, colour in enumerate(colours):
            out[first : first + rows, :, at] = np.clip(np.rint(colour), 0, 255)
    return out
