"""Stored values to grey levels: Modality, VOI and presentation transformations (PS3.4 N.2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from hilum.domain.presentation import Display, LookupTable, Padding, Rescale, VoiFunction, Window
from hilum.imaging.pixels import Array, Decoded

_BAND: Final = 1 << 20
"""Values that are worked on at once: what is made of them on the way takes 8 bytes of each."""
_STEP: Final = 1024
"""Tables are made for multiples of so many values: of CT with 12 bits, a tenth of all there are."""
_LARGEST_EXPONENT: Final = 500.0
_MADE_FOR_DISPLAYS: Final = frozenset({1, 8})
"""BitsStored of images whose values are grey levels already when nothing else is said."""
GreyOf = Callable[[Array], Array]


def grey_levels(decoded: Decoded, display: Display, window: Window | None) -> Array:
    """Return what a frame of one sample looks like: uint8, (rows, columns), 255 is white.

    `window` comes before the VOI tables of the data set, those before its windows. When there is
    neither, values from the smallest to the largest are shown; unsigned ones of 8 bits or 1 as
    they are. Padding is black, whatever the polarity.
    """
    given: list[Window | LookupTable] = [window] if window is not None else []
    given += [*display.voi_tables, *display.windows]
    voi = given[0] if given else _whole_range(decoded, display)
    is_monochrome_1 = decoded.pixels.photometric_interpretation == "MONOCHROME1"
    is_inverse = display.is_inverse or is_monochrome_1
    greys, values = _Greys(display.modality, voi, is_inverse, display.padding), decoded.values
    table = _table_of_greys(greys, values.dtype, *_around(values)) if _has_table(values) else None
    return mapped(values, greys, table)


@dataclass(frozen=True, slots=True)
class _Greys:
    """Grey levels of stored values; a key of the tables that are kept."""

    modality: Rescale | LookupTable | None
    voi: Window | LookupTable
    is_inverse: bool
    padding: Padding | None

    def __call__(self, stored: Array) -> Array:
        with np.errstate(all="ignore"):  # what overflows ends up at the ends of the window
            shown = voi_transformed(modality_transformed(stored, self.modality), self.voi)
            shown = np.nan_to_num(np.clip(shown, 0, 1), copy=False)
        levels: Array = np.rint((1 - shown if self.is_inverse else shown) * 255).astype(np.uint8)
        if self.padding is not None:
            levels[_is_padding(stored, self.padding)] = 0
        return levels


@lru_cache(maxsize=16)  # the images of a series have the same table
def _table_of_greys(greys: _Greys, kind: np.dtype[np.generic], low: int, stop: int) -> Array:
    """Grey levels by the bits of stored values; what is not from `low` up to `stop` has none."""
    stored = np.arange(low, stop, dtype=kind)
    table = np.zeros(1 << 8 * kind.itemsize, np.uint8)
    table[_unsigned(stored)] = greys(stored)
    return table


def _around(values: Array) -> tuple[int, int]:
    """The first and the one after the last value there may be, the same for most of a series."""
    ends = np.iinfo(values.dtype)
    low, high = int(values.min()), int(values.max())
    start, stop = low // _STEP * _STEP, (high // _STEP + 1) * _STEP
    return max(ends.min, start), min(ends.max + 1, stop)


def mapped(values: Array, function: GreyOf, table: Array | None = None) -> Array:
    """Apply a function of single values, which gives uint8; by a table of all values if it can.

    `table`: what it gives for all of them, when that is known already.
    """
    if table is None and _has_table(values):
        table = function(_every(values.dtype))
    out = np.empty(values.size, np.uint8)
    for at, band in _bands(values):
        mapped_band = function(band) if table is None else table.take(_unsigned(band))
        out[at : at + band.size] = mapped_band
    return out.reshape(values.shape)


def modality_transformed(stored: Array, modality: Rescale | LookupTable | None) -> Array:
    """Return values in the unit of the modality, float64 (PS3.3 C.11.1)."""
    if isinstance(modality, LookupTable):
        return looked_up(stored, modality).astype(np.float64)
    values = stored.astype(np.float64)
    return values if modality is None else values * modality.slope + modality.intercept


def voi_transformed(values: Array, voi: Window | LookupTable) -> Array:
    """Return what is shown of values, 0 is black and 1 is white; may lie outside (PS3.3 C.11.2)."""
    if isinstance(voi, LookupTable):
        return looked_up(np.rint(values), voi) / ((1 << voi.bits) - 1)
    if voi.function is VoiFunction.SIGMOID:
        exponent = -4 * (values - voi.center) / voi.width
        return 1 / (1 + np.exp(np.clip(exponent, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)))
    if voi.function is VoiFunction.LINEAR_EXACT:
        return (values - voi.center) / voi.width + 0.5
    center, width = voi.center - 0.5, voi.width - 1
    if width <= 0:
        return (values > center).astype(np.float64)
    return (values - center) / width + 0.5


def looked_up(values: Array, table: LookupTable) -> Array:
    """Return the entries for whole values; outside of the table, its first or last one."""
    entries = np.frombuffer(table.entries, "<u2")
    positions = np.nan_to_num(values.astype(np.float64)) - table.first
    return entries[np.clip(positions, 0, entries.size - 1).astype(np.int64)]


def _whole_range(decoded: Decoded, display: Display) -> Window:
    pixels = decoded.pixels
    is_plain = display.modality in {None, Rescale(1.0, 0.0)} and not pixels.is_signed
    if is_plain and pixels.bits_stored in _MADE_FOR_DISPLAYS:
        top = (1 << pixels.bits_stored) - 1
        return Window(top / 2, top, VoiFunction.LINEAR_EXACT)
    low, high = np.inf, -np.inf
    for stored in _present(decoded.values):
        shown = stored
        if display.padding is not None:
            shown = stored[~_is_padding(stored, display.padding)]
        if shown.size:
            with np.errstate(all="ignore"):
                values = np.nan_to_num(modality_transformed(shown, display.modality))
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not low < high:  # one value only, or none but padding: black
        return Window(0.0 if low > high else low + 1, 1.0)
    return Window(
        low / 2 + high / 2, max(high - low, np.finfo(float).tiny), VoiFunction.LINEAR_EXACT
    )


def _has_table(values: Array) -> bool:
    return values.dtype.itemsize <= 2


def _present(values: Array) -> Iterator[Array]:
    """Yield every stored value that occurs, at least once."""
    if values.dtype.itemsize > 2:
        for _, band in _bands(values):
            yield band
        return
    every = _every(values.dtype)
    occurs = np.zeros(every.size, bool)
    for _, band in _bands(values):
        occurs[_unsigned(band)] = True
    yield every[occurs]


def _every(kind: np.dtype[np.generic]) -> Array:
    """Every value of a type, in the order of their bits read as unsigned numbers."""
    return np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}").view(kind)


def _unsigned(values: Array) -> Array:
    return values.view(f"u{values.dtype.itemsize}")


def _bands(values: Array) -> Iterator[tuple[int, Array]]:
    flat = values.reshape(-1)
    for at in range(0, flat.size, _BAND):
        yield at, flat[at : at + _BAND]


def _is_padding(stored: Array, padding: Padding) -> Array:
    ends = np.iinfo(stored.dtype)
    low, high = max(padding.low, ends.min), min(padding.high, ends.max)
    if low > high:
        return np.zeros(stored.shape, bool)
    return (stored >= low) & (stored <= high)
