"""Arrays of pixels, and what is said about them."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hilum.domain.images import ImagePixels
from hilum.imaging.layout import sample_bytes

Array: TypeAlias = NDArray[Any]
SUBSAMPLED: Final = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"})
"""Photometric interpretations whose native form leaves out chroma samples (PS3.3 C.7.6.3.1.2)."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The samples of one frame.

    `values` has the shape (rows, columns), or (rows, columns, samples) when there are several of a
    pixel, and the smallest native type that holds BitsAllocated: signed when the samples are.
    """

    pixels: ImagePixels
    """Describes `values`: samples in the low bits, colours interleaved, the photometric
    interpretation that they have now."""
    values: Array


def shape_of(pixels: ImagePixels) -> tuple[int, ...]:
    """Shape of the values of a frame."""
    if pixels.samples_per_pixel == 1:
        return pixels.rows, pixels.columns
    return pixels.rows, pixels.columns, pixels.samples_per_pixel


def dtype_of(pixels: ImagePixels) -> np.dtype[Any]:
    """Type of the values of a frame."""
    return np.dtype(f"{'i' if pixels.is_signed else 'u'}{sample_bytes(pixels)}")
