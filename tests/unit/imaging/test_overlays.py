"""Overlay planes in pictures (PS3.3 C.9.2)."""

import numpy as np
import pytest

from hilum.domain.presentation import Overlay, Rendering, Window
from hilum.imaging.overlays import with_overlays
from tests.unit.imaging.shown import an_image, picture

_BLACK = np.zeros((4, 5), np.uint8)


def _plane(rows: int, columns: int, row: int = 0, column: int = 0, **facts: bool) -> Overlay:
    bits = bytes([0xFF] * (rows * columns // 8 + 1))
    return Overlay(rows, columns, row, column, facts.get("is_region", False), bits)


def test_graphics_are_white() -> None:
    overlay = Overlay(2, 2, 1, 2, False, bytes([0b0110]))

    drawn = with_overlays(_BLACK, [overlay], None)

    assert np.argwhere(drawn == 255).tolist() == [[1, 3], [2, 2]]


def test_graphics_on_colours_are_white() -> None:
    drawn = with_overlays(np.zeros((2, 2, 3), np.uint8), [_plane(1, 1)], None)

    assert drawn[0, 0].tolist() == [255, 255, 255]
    assert drawn.sum() == 3 * 255


def test_a_region_is_outlined() -> None:
    drawn = with_overlays(np.zeros((5, 5), np.uint8), [_plane(5, 5, is_region=True)], None)

    assert (drawn == 0).sum() == 9
    assert drawn[2, 2] == 0


@pytest.mark.parametrize(
    ("row", "column", "white"), [(-1, -1, 1), (3, 4, 1), (4, 0, 0), (0, -9, 0), (-30000, 0, 0)]
)
def test_what_lies_outside_is_not_drawn(row: int, column: int, white: int) -> None:
    drawn = with_overlays(_BLACK, [_plane(2, 2, row, column)], None)

    assert (drawn == 255).sum() == white


def test_the_picture_that_is_drawn_on_stays_as_it_is() -> None:
    with_overlays(_BLACK, [_plane(2, 2)], None)

    assert not _BLACK.any()


def test_a_plane_in_unused_bits_is_drawn() -> None:
    values = np.array([[0x1000, 0x0FFF], [0x2005, 0x1005]], np.uint16)
    dataset = an_image(values, BitsStored=12, HighBit=11)
    dataset.add_new(0x60000010, "US", 2)
    dataset.add_new(0x60000011, "US", 2)
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 16)
    dataset.add_new(0x60000102, "US", 12)

    drawn = picture(dataset, Rendering(window=Window(100000, 2)))

    assert drawn.tolist() == [[255, 0], [0, 255]]


def test_a_plane_in_bits_that_there_are_not_is_not_drawn() -> None:
    overlay = Overlay(4, 5, 0, 0, False, b"", 20)

    assert not with_overlays(_BLACK, [overlay], np.ones((4, 5), np.uint16)).any()
    assert not with_overlays(_BLACK, [overlay], None).any()
