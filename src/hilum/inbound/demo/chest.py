"""A numerical chest: Hounsfield units at a height above the diaphragm."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hilum.inbound.demo.shapes import (
    Grid,
    Image,
    as_image,
    dab,
    ellipsoid_scale,
    paint,
    resized,
    smoothed,
    sphere_radius,
)

AIR, LUNG, FAT, SOFT, BLOOD, LIVER, BONE, MARROW = -1000, -860, -100, 45, 60, 70, 700, 220

HEIGHT_MM = 300.0
"""The phantom reaches from 0 (below the diaphragm) to this height (the shoulders)."""
LOWEST_CUT_MM = 30.0
"""Height of the first axial slice of a scan."""
NODULE_CENTRE_MM = (-98.0, -22.0)


def nodule_radius(seed: int, height_mm: float) -> float:
    """Radius of the nodule at a height; 0 where it is not."""
    return sphere_radius(6.5, height_mm - 190 + seed % 40)


@dataclass(frozen=True, slots=True)
class Chest:
    """One body; `seed` moves its vessels and its nodule."""

    grid: Grid
    seed: int

    def slice(self, height_mm: float) -> Image:
        """Return one axial cut, in HU, without noise."""
        grid = self.grid
        image = np.full((grid.y.shape[0], grid.x.shape[1]), AIR, dtype=np.float32)
        broad = 1.0 - 0.12 * (height_mm / HEIGHT_MM) ** 3
        dab(image, grid, (0, 0), (172 * broad, 116 * broad), FAT)
        dab(image, grid, (0, 1), (160 * broad, 104 * broad), SOFT)
        self._lungs(image, height_mm)
        self._middle(image, height_mm)
        self._bones(image, height_mm, broad)
        table = np.clip(3.5 - np.abs(grid.distance((0, 330), (420, 205)) - 1) * 205, 0, 1)
        paint(image, as_image(table * (grid.y > 121)), AIR + 260)
        return image

    def _lungs(self, image: Image, height_mm: float) -> None:
        lift = ellipsoid_scale(150, height_mm - 155)
        for side in (-1, 1):
            dab(image, self.grid, (side * 80, -2), (66 * lift, 84 * lift), LUNG)
        dome = sphere_radius(92, height_mm - 6)
        dab(image, self.grid, (-72, 4), (dome * 0.92, dome), LIVER)
        spleen = sphere_radius(55, height_mm - 8)
        dab(image, self.grid, (88, 34), (spleen * 0.8, spleen), SOFT + 10)
        for centre, radius in self._vessels(height_mm):
            dab(image, self.grid, centre, (radius, radius), SOFT - 20, below=LUNG + 200)
        nodule = nodule_radius(self.seed, height_mm)
        dab(image, self.grid, NODULE_CENTRE_MM, (nodule, nodule), SOFT - 10)

    def _vessels(self, height_mm: float) -> Iterator[tuple[tuple[float, float], float]]:
        """Yield where branches that run from the hilum outwards meet this height."""
        random = np.random.default_rng(self.seed)
        for side in (-1, 1):
            for _ in range(70):
                angle, slope, thickness = random.uniform(0, 2 * np.pi), *random.uniform(0, 1, 2)
                rise = (slope - 0.5) * 3.2
                reach = (height_mm - 165) / rise if abs(rise) > 0.02 else 500.0
                if 4 < reach < 105:
                    x = side * 34 + reach * np.cos(angle) * 0.6 + side * reach * 0.4
                    y = reach * np.sin(angle) * 0.75
                    yield (float(x), float(y)), 0.8 + 3.4 * thickness * (1 - reach / 120)

    def _middle(self, image: Image, height_mm: float) -> None:
        grid = self.grid
        dab(image, grid, (0, -10), (34, 62), FAT + 60, below=LUNG + 300)
        heart = ellipsoid_scale(68, height_mm - 92)
        dab(image, grid, (26, -26), (62 * heart, 47 * heart), SOFT, degrees=35)
        dab(image, grid, (34, -20), (30 * heart, 20 * heart), BLOOD + 15, degrees=35)
        if height_mm < 215:
            dab(image, grid, (16, 46), (12, 12), BLOOD + 15)
        if 120 < height_mm < 215:
            dab(image, grid, (-8, -18), (15, 15), BLOOD + 15)
        arch = sphere_radius(24, height_mm - 218)
        dab(image, grid, (8, 12), (arch * 0.7, arch * 1.7), BLOOD + 15, degrees=-20)
        split = max(0.0, 175.0 - height_mm)
        if split < 45:
            for side in (-1, 1):
                centre = (side * split * 0.9, 20 + split * 0.1)
                dab(image, grid, centre, (8.5 - split * 0.06, 9 - split * 0.07), AIR)

    def _bones(self, image: Image, height_mm: float, broad: float) -> None:
        grid = self.grid
        disc = (height_mm % 27) < 6
        dab(image, grid, (0, 66), (19, 15), SOFT + 40 if disc else BONE * 0.75)
        if not disc:
            dab(image, grid, (0, 66), (16, 12), MARROW)
        dab(image, grid, (0, 86), (13, 11), BONE * 0.8)
        dab(image, grid, (0, 84), (8, 7), 20)
        dab(image, grid, (0, 101), (3, 11), BONE * 0.8)
        if height_mm > 90:
            dab(image, grid, (0, -97 * broad), (19, 5), BONE * 0.6)
        self._ribs(image, height_mm, broad)

    def _ribs(self, image: Image, height_mm: float, broad: float) -> None:
        grid = self.grid
        distance = grid.distance((0, -1), (150 * broad, 97 * broad))
        # The cosine of the angle from the spine stands in for the angle: ribs slope downwards.
        slope = (1 - grid.y / np.maximum(np.hypot(grid.x, grid.y), 1)) * 0.9
        ring = np.clip(1.5 - np.abs(distance - 1) * 26, 0, 1)
        across = np.cos((2 * np.pi) * (height_mm / 30 + slope))
        ribs = ring * np.clip((across - 0.1) * 4, 0, 1) * (slope > 0.03) * (slope < 1.72)
        paint(image, as_image(ribs), BONE)


def ct_slices(seed: int, count: int, spacing_mm: float, pixels: int) -> Iterator[Image]:
    """Yield axial slices in HU, bottom first, noisy as a low-dose scan is."""
    chest = Chest(Grid.centred(pixels, pixels, 360.0 / pixels), seed)
    random = np.random.default_rng(seed + 1)
    for index in range(count):
        noise = random.standard_normal((pixels, pixels), dtype=np.float32)
        yield chest.slice(LOWEST_CUT_MM + index * spacing_mm) + 28 * smoothed(noise, 1)


def projections(seed: int, rows: int, columns: int) -> tuple[Image, Image]:
    """Return what a flat detector sees from behind and from the side: 0 (burnt) to 1 (dense)."""
    from_behind, from_the_side = [], []
    chest = Chest(Grid.centred(224, 288, 1.3), seed)
    for height in np.linspace(HEIGHT_MM - 2, 8, 150):
        attenuation = np.maximum(chest.slice(float(height)) + 1000, 0) * (chest.grid.y < 119)
        from_behind.append(attenuation.mean(axis=0))
        from_the_side.append(attenuation.mean(axis=1)[::-1])
    return _detector(from_behind, rows, columns), _detector(from_the_side, rows, columns)


def _detector(lines: list[Image], rows: int, columns: int) -> Image:
    image = resized(np.stack(lines), rows, columns)
    low, high = np.percentile(image, (2, 99.5))
    return as_image(np.clip((image - low) / (high - low), 0, 1) ** 0.85)
