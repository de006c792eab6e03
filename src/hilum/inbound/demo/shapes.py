"""Soft-edged shapes on a grid: what the phantoms are painted with."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
"""float32, (rows, columns)."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Coordinates of pixel centres in millimetres: x to the patient's left, y to the back."""

    x: Image
    y: Image
    pixel_mm: float

    @classmethod
    def centred(cls, rows: int, columns: int, pixel_mm: float) -> "Grid":
        """A grid whose origin is the middle of the image."""
        y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) * pixel_mm
        x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) * pixel_mm
        return cls(x=x[None, :], y=y[:, None], pixel_mm=pixel_mm)

    def blob(
        self,
        centre: tuple[float, float],
        radii: tuple[float, float],
        edge_mm: float,
        degrees: float = 0.0,
    ) -> Image:
        """Coverage 0..1 of an ellipse whose edge is `edge_mm` wide; zero radii: nothing."""
        if min(radii) <= 0:
            return np.zeros((self.y.shape[0], self.x.shape[1]), dtype=np.float32)
        distance = (1.0 - self.distance(centre, radii, degrees)) * min(radii)
        return as_image(np.clip(distance / edge_mm + 0.5, 0.0, 1.0))

    def around(self, centre: tuple[float, float], reach_mm: float) -> tuple[slice, slice]:
        """Rows and columns of a square that reaches so far from `centre`."""
        rows, columns = self.y.shape[0], self.x.shape[1]
        top = (centre[1] - reach_mm) / self.pixel_mm + (rows - 1) / 2
        left = (centre[0] - reach_mm) / self.pixel_mm + (columns - 1) / 2
        side = int(2 * reach_mm / self.pixel_mm) + 3
        return _within(int(top) - 1, side, rows), _within(int(left) - 1, side, columns)

    def distance(
        self, centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0
    ) -> Image:
        """1 on the ellipse, less inside, more outside."""
        x, y = self.x - centre[0], self.y - centre[1]
        if degrees:
            # Numbers of Python: numpy's would turn every array into double precision.
            cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            x, y = x * cosine + y * sine, y * cosine - x * sine
        return as_image(np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2))


def as_image(values: NDArray[np.floating[Any]]) -> Image:
    """Return `values` as float32; no copy when they are."""
    return values.astype(np.float32, copy=False)


def _within(start: int, length: int, size: int) -> slice:
    return slice(min(max(start, 0), size), min(max(start + length, 0), size))


def dab(
    image: Image,
    grid: Grid,
    centre: tuple[float, float],
    radii: tuple[float, float],
    value: float,
    *,
    edge_mm: float | None = None,
    degrees: float = 0.0,
    below: float = math.inf,
) -> None:
    """Paint an ellipse, in place, where the image is less than `below`; touches its square only."""
    if min(radii) <= 0:
        return
    edge_mm = grid.pixel_mm if edge_mm is None else edge_mm
    rows, columns = grid.around(centre, max(radii) + edge_mm)
    part = image[rows, columns]
    inner = Grid(grid.x[:, columns], grid.y[rows], grid.pixel_mm)
    mask = inner.blob(centre, radii, edge_mm, degrees)
    paint(part, mask if below == math.inf else mask * (part < below), value)


def paint(image: Image, mask: Image, value: float) -> None:
    """Cover `image` with `value` where `mask` is 1, in place."""
    image += (value - image) * mask


def sphere_radius(radius_mm: float, height_mm: float) -> float:
    """Radius of the cut through a sphere at `height_mm` from its centre; 0 when it is missed."""
    squared = radius_mm * radius_mm - height_mm * height_mm
    return float(np.sqrt(squared)) if squared > 0 else 0.0


def ellipsoid_scale(half_height_mm: float, height_mm: float) -> float:
    """What an ellipsoid's radii shrink to at `height_mm` from its centre; 0 when it is missed."""
    squared = 1.0 - (height_mm / half_height_mm) ** 2
    return float(np.sqrt(squared)) if squared > 0 else 0.0


def resized(image: Image, rows: int, columns: int) -> Image:
    """Bilinear interpolation to another size."""
    y = np.linspace(0, image.shape[0] - 1, rows, dtype=np.float32)
    x = np.linspace(0, image.shape[1] - 1, columns, dtype=np.float32)
    top, left = y.astype(np.intp), x.astype(np.intp)
    bottom = np.minimum(top + 1, image.shape[0] - 1)
    right = np.minimum(left + 1, image.shape[1] - 1)
    down, along = (y - top)[:, None], (x - left)[None, :]
    upper = image[top][:, left] * (1 - along) + image[top][:, right] * along
    lower = image[bottom][:, left] * (1 - along) + image[bottom][:, right] * along
    return as_image(upper * (1 - down) + lower * down)


def smoothed(noise: Image, times: int) -> Image:
    """Blur with a 3 x 3 box, `times` times, edges wrapped: turns noise into texture."""
    for _ in range(times):
        for axis in (0, 1):
            noise = as_image((noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)) / 3)
    return noise
