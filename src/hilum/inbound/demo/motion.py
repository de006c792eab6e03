"""An ultrasound loop of a beating heart, and the glow of a tracer."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hilum.inbound.demo.shapes import Grid, Image, dab, ellipsoid_scale, smoothed


def ultrasound_loop(seed: int, frames: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return one heart beat as uint8, (frames, rows, columns), in a sector of 80 degrees."""
    x = (np.arange(columns, dtype=np.float32) - columns / 2)[None, :]
    y = np.arange(rows, dtype=np.float32)[:, None] - rows * 0.04
    depth = np.hypot(x, y) / (rows * 0.92)
    sector = (np.abs(np.arctan2(x, y)) < np.deg2rad(40)) & (depth > 0.06) & (depth < 1.0)
    random = np.random.default_rng(seed)
    speckle = np.abs(smoothed(random.standard_normal((rows, columns), dtype=np.float32), 1)) * 2.2
    loop = np.zeros((frames, rows, columns), dtype=np.uint8)
    grid = Grid.centred(rows, columns, 1.0)
    for frame in range(frames):
        beat = 0.5 - 0.5 * np.cos(2 * np.pi * frame / frames)
        tissue = _heart(grid, beat, rows)
        flicker = 0.85 + 0.15 * random.standard_normal((rows, columns), dtype=np.float32)
        bright = tissue * speckle * flicker * np.clip(1.25 - depth, 0.2, 1)
        loop[frame] = np.clip(bright * sector, 0, 255).astype(np.uint8)
    return loop


def doppler_loop(seed: int, frames: int, rows: int, columns: int) -> NDArray[np.uint8]:
    """Return one heart beat as RGB uint8, (frames, rows, columns, 3), with jets of blood."""
    grey = ultrasound_loop(seed, frames, rows, columns)
    loop = np.repeat(grey[..., None], 3, axis=3)
    grid = Grid.centred(rows, columns, 1.0)
    size = rows / 300
    for frame in range(frames):
        speed = np.sin(2 * np.pi * frame / frames)
        jet = np.zeros((rows, columns), dtype=np.float32)
        for x in (26, -32):
            dab(jet, grid, (x * size, 20 * size), (14 * size, 40 * size), abs(speed), edge_mm=10)
        strength = (jet * 235).astype(np.uint8)[..., None]
        flow = np.zeros(3, dtype=np.uint8)
        flow[0 if speed > 0 else 2] = 1
        loop[frame] = np.maximum(loop[frame] * (strength < 40), strength * flow)
    return loop


def _heart(grid: Grid, beat: float, rows: int) -> Image:
    """Four chambers: the ventricles shrink with the beat while the atria fill."""
    image = np.full((grid.y.shape[0], grid.x.shape[1]), 70, dtype=np.float32)
    size, squeeze, fill = rows / 300, 1 - 0.3 * beat, 0.85 + 0.2 * beat
    dab(image, grid, (4 * size, 6 * size), (92 * size, 128 * size), 150, edge_mm=8, degrees=8)
    chambers = (
        ((26, -26), (29 * squeeze, 60 * (1 - 0.15 * beat)), -6),
        ((-33, -12), (19 * squeeze, 48 * (1 - 0.1 * beat)), 10),
        ((36, 74), (27 * fill, 30 * fill), 0),
        ((-28, 68), (24 * fill, 27 * fill), 0),
    )
    for (x, y), (across, along), degrees in chambers:
        radii = (across * size, along * size)
        dab(image, grid, (x * size, y * size), radii, 8, edge_mm=5, degrees=degrees)
    for x, side in ((26, 1), (-32, -1)):
        leaflet = (13 * size * (0.45 + beat / 2), 2 * size)
        for half in (-1, 1):
            centre = ((x + half * 13) * size, (40 + 5 * (1 - beat)) * size)
            swing = half * side * 55 * (1 - beat)
            dab(image, grid, centre, leaflet, 235, edge_mm=2, degrees=swing)
    return image


def tracer_slices(seed: int, count: int, spacing_mm: float, pixels: int) -> Iterator[Image]:
    """Yield axial slices of activity in Bq/ml, pelvis first: organs that glow, and one focus."""
    grid = Grid.centred(pixels, pixels, 520.0 / pixels)
    random = np.random.default_rng(seed)
    organs = (
        # x, y, z, radii in the plane, half height, Bq/ml
        ((0.0, -30.0, 40.0), (36.0, 30.0), 34.0, 38_000.0),  # bladder
        ((-60.0, 40.0, 250.0), (26.0, 22.0), 50.0, 15_000.0),  # kidneys
        ((60.0, 40.0, 255.0), (26.0, 22.0), 50.0, 15_000.0),
        ((-55.0, -10.0, 310.0), (78.0, 70.0), 66.0, 9_500.0),  # liver
        ((35.0, -30.0, 420.0), (44.0, 36.0), 42.0, 16_000.0),  # heart muscle
        ((-92.0, -15.0, 470.0), (11.0, 11.0), 12.0, 26_000.0),  # the focus
        ((0.0, 0.0, 740.0), (64.0, 80.0), 70.0, 33_000.0),  # brain
    )
    for index in range(count):
        height = index * spacing_mm
        image = np.zeros((pixels, pixels), dtype=np.float32)
        wide = 95.0 if height > 640 else 165.0
        dab(image, grid, (0, 0), (wide, 105), 2_400, edge_mm=12)
        for (x, y, z), radii, half, activity in organs:
            scale = ellipsoid_scale(half, height - z)
            dab(image, grid, (x, y), (radii[0] * scale, radii[1] * scale), activity, edge_mm=14)
        chamber = ellipsoid_scale(30, height - 420)
        dab(image, grid, (35, -30), (24 * chamber, 18 * chamber), 6_000, edge_mm=12)
        noise = smoothed(random.standard_normal((pixels, pixels), dtype=np.float32), 2)
        yield np.maximum(image * (1 + 0.35 * noise) + 60 * noise, 0)
