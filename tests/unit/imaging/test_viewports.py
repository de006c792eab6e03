"""Which part of an image is seen, and how large (PS3.18 8.3.5.1.3)."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import InvalidQuery, PixelLimitExceeded
from hilum.domain.presentation import Rendering, Viewport
from hilum.imaging.placing import PictureLimits, placed
from tests.unit.imaging.oracle import ROOM
from tests.unit.imaging.shown import LIMITS, an_image, picture

_VALUES = np.arange(12, dtype=np.uint8).reshape(3, 4)
_ROOM = 1 << 20


def _size(viewport: Viewport, aspect: float = 1.0) -> tuple[int, int]:
    placement = placed(300, 400, aspect, viewport, _ROOM)
    return placement.width, placement.height


def _seen(viewport: Viewport, **elements: Any) -> Any:
    return picture(an_image(_VALUES, **elements), Rendering(viewport=viewport)).tolist()


def test_without_a_viewport_a_picture_has_the_pixels_of_the_image() -> None:
    placement = placed(300, 400, 2.0, None, _ROOM)

    assert (placement.width, placement.height) == (400, 300)


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        (Viewport(200, 200), (200, 150)),
        (Viewport(800, 300), (400, 300)),
        (Viewport(10_000, 600), (800, 600)),
        (Viewport(1, 1), (1, 1)),
        (Viewport(100, 100, 0, 0, 50, 200), (25, 100)),
        (Viewport(100, 100, 350, 250), (100, 100)),
        (Viewport(100, 100, 300, 0, 500, 100), (100, 100)),
    ],
)
def test_a_region_is_as_large_as_the_viewport_allows(
    viewport: Viewport, size: tuple[int, int]
) -> None:
    assert _size(viewport) == size


def test_pixels_that_are_higher_than_wide_make_a_higher_picture() -> None:
    assert _size(Viewport(400, 1200), 2.0) == (400, 600)
    assert _size(Viewport(400, 300), 0.5) == (400, 150)


def test_a_region_of_whole_pixels_at_its_size_is_just_cut() -> None:
    assert _seen(Viewport(2, 2, 1, 1, 2, 2)) == [[5, 6], [9, 10]]


def test_a_negative_width_flips_from_left_to_right() -> None:
    assert _seen(Viewport(4, 3, 0, 0, -4, 3)) == _VALUES[:, ::-1].tolist()
    assert _seen(Viewport(2, 2, 1, 1, -2, 2)) == [[6, 5], [10, 9]]


def test_a_negative_height_flips_from_top_to_bottom() -> None:
    assert _seen(Viewport(4, 3, 0, 0, 4, -3)) == _VALUES[::-1].tolist()


def test_enlarged_pixels_have_the_shape_they_are_said_to_have() -> None:
    drawn = picture(
        an_image(_VALUES, PixelAspectRatio=[2, 1]), Rendering(viewport=Viewport(40, 1000))
    )

    assert drawn.shape == (60, 40)


@pytest.mark.parametrize(
    "viewport",
    [
        Viewport(0, 5),
        Viewport(5, -1),
        Viewport(5, 5, -1, 0),
        Viewport(5, 5, 400, 0),
        Viewport(5, 5, 0, 300),
        Viewport(5, 5, 0, 0, 0, 5),
        Viewport(5, 5, math.nan, 0),
        Viewport(5, 5, 0, 0, math.inf, 5),
    ],
)
def test_a_viewport_beside_the_image_is_refused(viewport: Viewport) -> None:
    with pytest.raises(InvalidQuery, match="viewport"):
        _size(viewport)


def test_a_picture_over_the_limit_is_refused_before_the_frame_is_read() -> None:
    dataset = an_image(np.zeros((4, 4), np.uint8))
    limits = PictureLimits(ROOM, 10_000)

    with pytest.raises(PixelLimitExceeded, match="maximum_picture_pixels"):
        picture(dataset, Rendering(viewport=Viewport(1_000_000, 1_000_000)), limits)
    with pytest.raises(PixelLimitExceeded, match="maximum_picture_pixels"):
        picture(dataset, limits=PictureLimits(ROOM, 15))


_SIZES = st.one_of(st.integers(-5, 70_000), st.integers(-(1 << 70), 1 << 70))
_NUMBERS = st.one_of(st.floats(), st.floats(-10, 10), st.integers(-70_000, 70_000))


@given(
    rows=st.integers(1, 65535),
    columns=st.integers(1, 65535),
    aspect=st.floats(0.1, 10),
    viewport=st.builds(
        Viewport, _SIZES, _SIZES, _NUMBERS, _NUMBERS, st.none() | _NUMBERS, st.none() | _NUMBERS
    ),
)
def test_a_placement_is_always_within_image_viewport_and_limit(
    rows: int, columns: int, aspect: float, viewport: Viewport
) -> None:
    try:
        placement = placed(rows, columns, aspect, viewport, _ROOM)
    except (InvalidQuery, PixelLimitExceeded):
        return

    assert 0 <= placement.left < placement.right <= columns
    assert 0 <= placement.top < placement.bottom <= rows
    assert 1 <= placement.width <= viewport.width
    assert 1 <= placement.height <= viewport.height
    assert placement.width * placement.height <= _ROOM


_FEW = st.one_of(st.floats(0, 9), st.floats(-9, 9))


@given(
    shape=st.sampled_from([(1, 1), (1, 9), (9, 1), (7, 8)]),
    is_colour=st.booleans(),
    viewport=st.builds(
        Viewport, st.integers(1, 50), st.integers(1, 50), _FEW, _FEW, st.none() | _FEW, _FEW
    ),
)
def test_every_placement_can_be_drawn(
    shape: tuple[int, int], is_colour: bool, viewport: Viewport
) -> None:
    values = np.zeros((*shape, 3) if is_colour else shape, np.uint8)
    try:
        placement = placed(*shape, 1.0, viewport, LIMITS.picture_pixels)
    except InvalidQuery:
        return

    drawn = picture(an_image(values), Rendering(viewport=viewport))

    assert drawn.shape[:2] == (placement.height, placement.width)
