"""Small native frames are drawn without a worker, and nothing else is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from hilum.adapters.pixels.nearby import NearbyDrawing
from hilum.adapters.pixels.pool import PixelPool
from hilum.domain.errors import PixelEngineBusy, PixelsNotDecodable, ShuttingDown
from hilum.domain.images import EncodedFrame
from hilum.domain.presentation import (
    Annotation,
    ColourSpace,
    Display,
    LookupTable,
    Overlay,
    Palette,
    PictureType,
    Rendering,
    Viewport,
    Window,
)
from hilum.imaging.placing import PictureLimits
from hilum.imaging.syntaxes import SYNTAXES, Codec
from hilum.ports.pixel_telemetry import PixelOutcome
from tests.integration.pixels.test_pool import Counted, limits
from tests.unit.imaging.oracle import ROOM
from tests.unit.imaging.test_round_trips import described, native

FRAME, _ = native(described(), seed=1)
DISPLAY = Display(windows=(Window(100, 50),))
JPEG = Rendering()
PICTURE_LIMITS = PictureLimits(ROOM, 1 << 26)
_TABLE = LookupTable(0, 8, b"\0\0")


def _nearby(counted: Counted, **changed: Any) -> NearbyDrawing:
    return NearbyDrawing(limits(**changed), PICTURE_LIMITS, counted)


@pytest.fixture
async def one_thread() -> AsyncIterator[tuple[NearbyDrawing, Counted]]:
    """Drawing with one thread, for which nobody may wait."""
    counted = Counted()
    nearby = _nearby(counted, workers=1, queue=0)
    yield nearby, counted
    await nearby.close()


async def test_a_plain_frame_has_the_bytes_that_a_worker_gives_and_starts_none() -> None:
    counted = Counted()
    async with (
        PixelPool(limits(), counted) as pool,
        PixelPool(limits(nearby_bytes=0), counted) as (workers),
    ):
        drawn = await pool.draw(FRAME, DISPLAY, JPEG)
        assert not pool._idle

        assert drawn == await workers.draw(FRAME, DISPLAY, JPEG)
        assert workers._idle

    assert counted.outcomes == {("draw", PixelOutcome.DONE): 2}


@pytest.mark.parametrize("syntax", list(SYNTAXES.values()))
def test_no_codestream_is_read_here(syntax: Any) -> None:
    frame = replace(FRAME, pixels=replace(FRAME.pixels, transfer_syntax_uid=syntax.uid))

    taken = _nearby(Counted()).takes(frame, DISPLAY, JPEG, 1)

    assert taken is (syntax.codec is Codec.NATIVE)


@pytest.mark.parametrize(
    "rendering",
    [
        Rendering(PictureType.PNG),
        Rendering(PictureType.GIF),
        Rendering(annotations=frozenset({Annotation.TECHNIQUE})),
        Rendering(colour_space=ColourSpace.YES),
    ],
)
def test_other_formats_letters_and_profiles_are_left_to_workers(rendering: Rendering) -> None:
    assert not _nearby(Counted()).takes(FRAME, DISPLAY, rendering, 1)


@pytest.mark.parametrize(
    "display",
    [
        Display(palette=Palette(_TABLE, _TABLE, _TABLE)),
        Display(overlays=(Overlay(1, 1, 0, 0, False, b"\1"),)),
    ],
)
def test_palettes_and_overlays_are_left_to_workers(display: Display) -> None:
    assert not _nearby(Counted()).takes(FRAME, display, JPEG, 1)


def test_what_is_large_is_left_to_workers() -> None:
    size = len(FRAME.data)

    assert _nearby(Counted(), nearby_bytes=size).takes(FRAME, DISPLAY, JPEG, size)
    assert not _nearby(Counted(), nearby_bytes=size - 1).takes(FRAME, DISPLAY, JPEG, 1)
    assert not _nearby(Counted(), nearby_bytes=size).takes(FRAME, DISPLAY, JPEG, size + 1)
    padded = EncodedFrame(FRAME.pixels, FRAME.data + b"\0")
    assert not _nearby(Counted(), nearby_bytes=size).takes(padded, DISPLAY, JPEG, 1)


async def test_a_viewport_that_makes_a_picture_large_is_seen_before_it_is_drawn() -> None:
    large = Rendering(viewport=Viewport(2000, 2000))
    async with PixelPool(limits(nearby_bytes=len(FRAME.data)), Counted()) as pool:
        await pool.draw(FRAME, DISPLAY, large)

        assert pool._idle


async def test_a_frame_that_is_too_short_is_the_same_error(
    one_thread: tuple[NearbyDrawing, Counted],
) -> None:
    nearby, counted = one_thread

    with pytest.raises(PixelsNotDecodable, match="not of the length"):
        await nearby.draw(EncodedFrame(FRAME.pixels, FRAME.data[:-1]), DISPLAY, JPEG)
    assert counted.outcomes == {("draw", PixelOutcome.NOT_DECODABLE): 1}


async def test_who_comes_when_too_many_wait_is_refused_and_may_come_again(
    one_thread: tuple[NearbyDrawing, Counted],
) -> None:
    nearby, counted = one_thread
    first = asyncio.create_task(nearby.draw(FRAME, DISPLAY, JPEG))
    await asyncio.sleep(0)

    with pytest.raises(PixelEngineBusy, match=r"pixels\.queue"):
        await nearby.draw(FRAME, DISPLAY, JPEG)

    drawn = await first
    assert await nearby.draw(FRAME, DISPLAY, JPEG) == drawn
    assert counted.outcomes["draw", PixelOutcome.REFUSED] == 1


async def test_who_goes_makes_room(one_thread: tuple[NearbyDrawing, Counted]) -> None:
    nearby, counted = one_thread
    gone = asyncio.create_task(nearby.draw(FRAME, DISPLAY, JPEG))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    assert await nearby.draw(FRAME, DISPLAY, JPEG)
    assert counted.outcomes["draw", PixelOutcome.ABANDONED] == 1


async def test_nothing_is_begun_after_the_end_and_what_was_begun_ends() -> None:
    nearby = _nearby(Counted())
    begun = asyncio.create_task(nearby.draw(FRAME, DISPLAY, JPEG))
    await asyncio.sleep(0)
    await nearby.close()

    with pytest.raises(ShuttingDown):
        await nearby.draw(FRAME, DISPLAY, JPEG)
    assert await begun
