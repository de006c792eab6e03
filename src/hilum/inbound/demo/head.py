"""A numerical head, seen by three magnetic resonance sequences."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from hilum.inbound.demo.shapes import (
    Grid,
    Image,
    dab,
    ellipsoid_scale,
    paint,
    smoothed,
    sphere_radius,
)

SEQUENCES: Final[Mapping[str, Mapping[str, float]]] = {
    "T1": {"fat": 900, "white": 640, "grey": 470, "fluid": 130, "muscle": 380, "lesion": 330},
    "T2": {"fat": 620, "white": 330, "grey": 500, "fluid": 1100, "muscle": 210, "lesion": 800},
    "FLAIR": {"fat": 500, "white": 380, "grey": 540, "fluid": 70, "muscle": 240, "lesion": 950},
}
"""Signal of tissues by sequence, arbitrary units."""


def mr_slices(
    seed: int, sequence: str, count: int, spacing_mm: float, pixels: int
) -> Iterator[Image]:
    """Yield axial slices, bottom first; the anatomy is the same for every sequence."""
    grid = Grid.centred(pixels, pixels, 230.0 / pixels)
    signal = SEQUENCES[sequence]
    random = np.random.default_rng([seed, sorted(SEQUENCES).index(sequence)])
    for index in range(count):
        image = _slice(grid, signal, seed, -42 + index * spacing_mm)
        noise = random.standard_normal((2, pixels, pixels), dtype=np.float32) * 14
        yield np.hypot(image + noise[0], noise[1])  # magnitude images have Rician noise


def _slice(grid: Grid, signal: Mapping[str, float], seed: int, height_mm: float) -> Image:
    image = np.zeros((grid.y.shape[0], grid.x.shape[1]), dtype=np.float32)
    scale = ellipsoid_scale(98, height_mm - 4)
    if scale == 0:
        return image
    radii = (76 * scale, 95 * scale)
    dab(image, grid, (0, 0), radii, signal["fat"])
    dab(image, grid, (0, 0), (radii[0] - 5, radii[1] - 5), 35)
    dab(image, grid, (0, 0), (radii[0] - 11, radii[1] - 11), signal["fluid"])
    _brain(image, grid, signal, (radii[0] - 13, radii[1] - 13), seed)
    _ventricles(image, grid, signal, height_mm)
    _lesions(image, grid, signal, seed, height_mm)
    _face(image, grid, signal, height_mm)
    return image


def _brain(
    image: Image, grid: Grid, signal: Mapping[str, float], radii: tuple[float, float], seed: int
) -> None:
    """Grey matter folded into gyri around white matter, parted by the falx."""
    if min(radii) < 6:
        return
    angle = np.arctan2(grid.y / radii[1], grid.x / radii[0])
    folds = np.zeros_like(image)
    for waves, phase in ((9, 0.3), (17, 1.1), (29, 2.0)):
        folds += np.sin(waves * angle + phase + seed) / waves**0.5
    texture = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    folds += smoothed(texture, 6) * 4
    depth = (1 - grid.distance((0, 0), radii)) * min(radii)
    paint(image, np.clip(depth - 1.2 - folds * 1.1, 0, 1), signal["grey"])
    paint(image, np.clip((depth - 8 - folds * 4.5) / 1.4, 0, 1), signal["white"])
    falx = np.clip(1.6 - np.abs(grid.x), 0, 1) * (np.abs(grid.y) > radii[1] * 0.42)
    paint(image, (falx * np.clip(depth, 0, 1)).astype(np.float32), signal["fluid"])


def _ventricles(image: Image, grid: Grid, signal: Mapping[str, float], height_mm: float) -> None:
    size = ellipsoid_scale(26, height_mm - 18)
    for side in (-1, 1):
        front, back = (side * 11, -16), (side * 15, 18)
        dab(
            image,
            grid,
            front,
            (6.5 * size, 21 * size),
            signal["fluid"],
            edge_mm=2,
            degrees=side * 14,
        )
        dab(
            image, grid, back, (7 * size, 17 * size), signal["fluid"], edge_mm=2, degrees=side * -22
        )
        nucleus = ellipsoid_scale(22, height_mm - 8)
        dab(image, grid, (side * 19, 2), (8 * nucleus, 15 * nucleus), signal["grey"], edge_mm=3)
    third = ellipsoid_scale(14, height_mm - 2)
    dab(image, grid, (0, 4), (2.2 * third, 12 * third), signal["fluid"], edge_mm=1.5)


def _lesions(
    image: Image, grid: Grid, signal: Mapping[str, float], seed: int, height_mm: float
) -> None:
    random = np.random.default_rng(seed)
    for _ in range(5):
        x, y, z, radius = random.uniform((-38, -45, 10, 2.5), (38, 45, 45, 5.5))
        cut = sphere_radius(radius, height_mm - z)
        dab(image, grid, (x, y), (cut, cut), signal["lesion"], edge_mm=1.5)


def _face(image: Image, grid: Grid, signal: Mapping[str, float], height_mm: float) -> None:
    for side in (-1, 1):
        eye = sphere_radius(12, height_mm + 24)
        dab(image, grid, (side * 31, -70), (eye, eye), signal["fluid"], edge_mm=1.5)
    sinus = ellipsoid_scale(14, height_mm + 30)
    dab(image, grid, (0, -62), (12 * sinus, 20 * sinus), 10, edge_mm=2)
    lobe = ellipsoid_scale(22, height_mm + 34)
    dab(image, grid, (0, 58), (44 * lobe, 26 * lobe), signal["grey"], edge_mm=2)
    stem = 1.0 if height_mm < -8 else 0.0
    dab(image, grid, (0, 18), (13 * stem, 12 * stem), signal["white"], edge_mm=2)
