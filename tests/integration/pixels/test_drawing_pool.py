"""Pictures drawn by real pixel workers, and what they are refused for."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from hilum.adapters.pixels.pool import PixelPool
from hilum.domain.errors import (
    InvalidQuery,
    NotTranscodable,
    PixelLimitExceeded,
    PixelsNotDecodable,
)
from hilum.domain.images import EncodedFrame
from hilum.domain.presentation import (
    Annotation,
    Captions,
    ColourSpace,
    Display,
    PictureType,
    Rendering,
    Viewport,
    Window,
)
from hilum.imaging.placing import PictureLimits
from hilum.imaging.presenting import draw
from hilum.ports.pixel_telemetry import PixelOutcome
from hilum.ports.pixels import PictureEngine
from tests.integration.pixels.test_pool import Counted, limits
from tests.unit.imaging.oracle import ROOM
from tests.unit.imaging.test_round_trips import described, native

PNG = Rendering(PictureType.PNG)


@pytest.mark.parametrize("picture", PictureType)
async def test_a_picture_has_the_bytes_that_it_has_without_a_worker(picture: PictureType) -> None:
    frame, _ = native(described(), seed=1)
    display = Display(windows=(Window(100, 50),), captions=Captions(("Somebody",), ("kV",)))
    rendering = Rendering(
        picture,
        viewport=Viewport(70, 70),
        annotations=frozenset(Annotation),
        colour_space=ColourSpace.ROMM_RGB,
    )
    counted = Counted()
    async with PixelPool(limits(), counted) as pool:
        engine: PictureEngine = pool

        drawn = await engine.draw(frame, display, rendering)

    assert drawn == draw(frame, display, rendering, PictureLimits(ROOM, 1 << 26))
    assert counted.outcomes == {("draw", PixelOutcome.DONE): 1}


async def test_frames_become_one_moving_picture() -> None:
    frames = [(native(described(), seed)[0], Display()) for seed in range(3)]
    async with PixelPool(limits(), Counted()) as pool:
        drawn = await pool.draw_moving(frames, Rendering(PictureType.GIF))

    with Image.open(io.BytesIO(drawn)) as image:
        assert (image.format, image.n_frames) == ("GIF", 3)  # type: ignore[attr-defined]


async def test_what_can_be_told_beforehand_starts_no_worker() -> None:
    frame, values = native(described(), seed=1)
    async with PixelPool(limits(maximum_picture_pixels=values.size), Counted()) as pool:
        beside = replace(PNG, viewport=Viewport(10, 10, x=1e6))
        with pytest.raises(InvalidQuery, match="viewport"):
            await pool.draw(frame, Display(), beside)
        large = replace(PNG, viewport=Viewport(65_535, 65_535))
        with pytest.raises(PixelLimitExceeded, match=r"pixels\.maximum_picture_pixels"):
            await pool.draw(frame, Display(), large)
        with pytest.raises(PixelLimitExceeded, match=r"pixels\.maximum_picture_pixels"):
            await pool.draw_moving([(frame, Display())] * 2, Rendering(PictureType.GIF))

        assert not pool._idle


async def test_refusals_of_a_worker_come_back_as_what_they_are() -> None:
    frame, _ = native(described(), seed=1)
    palette = replace(frame.pixels, photometric_interpretation="PALETTE COLOR")
    async with PixelPool(limits(), Counted()) as pool:
        with pytest.raises(PixelsNotDecodable, match="not of the length"):
            await pool.draw(EncodedFrame(frame.pixels, frame.data[:-1]), Display(), PNG)
        with pytest.raises(NotTranscodable, match="palette"):
            await pool.draw(EncodedFrame(palette, frame.data), Display(), PNG)


async def test_a_picture_may_be_larger_than_a_frame() -> None:
    frame, values = native(described(), seed=1)
    noise = replace(PNG, viewport=Viewport(2000, 2000))
    async with PixelPool(limits(maximum_frame_bytes=values.nbytes), Counted()) as pool:
        drawn = await pool.draw(frame, Display(), noise)

    with Image.open(io.BytesIO(drawn)) as image:
        assert max(np.asarray(image).shape) == 2000
