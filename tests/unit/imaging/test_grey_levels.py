"""Stored values to grey levels (PS3.4 N.2, PS3.3 C.11)."""

from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence

from hilum.domain.presentation import LookupTable, Rendering, Rescale, VoiFunction, Window
from hilum.imaging.values import modality_transformed, voi_transformed
from tests.unit.imaging.shown import a_table, an_image, picture


def _row(*values: int, dtype: Any = np.int16) -> "np.ndarray[Any, Any]":
    return np.array([values], dtype)


def _levels(values: "np.ndarray[Any, Any]", window: Window | None = None, **elements: Any) -> Any:
    return picture(an_image(values, **elements), Rendering(window=window)).tolist()[0]


def test_a_linear_window_is_that_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1: with c=2048, w=4096, 0 is black, 4095 is white.
    window = Window(2048, 4096)

    assert _levels(_row(-1, 0, 2047, 2048, 4095, 5000), window) == [0, 0, 127, 128, 255, 255]


def test_a_linear_window_of_one_is_a_step() -> None:
    # c=2048, w=1: 2047 is black, 2048 is white.
    assert _levels(_row(2047, 2048), Window(2048, 1)) == [0, 255]


def test_an_exact_window_reaches_from_edge_to_edge() -> None:
    window = Window(50, 100, VoiFunction.LINEAR_EXACT)

    assert _levels(_row(-1, 0, 50, 100, 101), window) == [0, 0, 128, 255, 255]


def test_a_sigmoid_never_ends() -> None:
    window = Window(0, 100, VoiFunction.SIGMOID)

    levels = _levels(_row(-32768, -100, 0, 100, 32767), window)

    assert levels == [0, 5, 128, 250, 255]


def test_values_are_rescaled_before_the_window() -> None:
    window = Window(0, 200, VoiFunction.LINEAR_EXACT)

    levels = _levels(_row(924, 1024, 1124), window, RescaleSlope=1, RescaleIntercept=-1024)

    assert levels == [0, 128, 255]


def test_a_tables_ends_hold_for_all_values_beyond() -> None:
    table = LookupTable(-1, 16, np.array([5, 6, 7], "<u2").tobytes())

    assert modality_transformed(_row(-9, -1, 0, 1, 9), table).tolist() == [[5, 5, 6, 7, 7]]


def test_a_voi_table_is_shown_over_all_its_bits() -> None:
    table = LookupTable(0, 10, np.array([0, 1023], "<u2").tobytes())

    assert voi_transformed(np.array([-5.0, 0.4, 0.6]), table).tolist() == [0, 0, 1]


def test_a_window_that_is_asked_for_comes_before_what_the_data_set_says() -> None:
    dataset = an_image(_row(0, 100), WindowCenter=5000, WindowWidth=10)
    dataset.VOILUTSequence = Sequence([a_table(np.zeros(2, np.uint16), 0, 16)])

    drawn = picture(dataset, Rendering(window=Window(50, 100, VoiFunction.LINEAR_EXACT)))

    assert drawn.tolist() == [[0, 255]]


def test_a_voi_table_comes_before_a_window() -> None:
    dataset = an_image(_row(0, 1), WindowCenter=5000, WindowWidth=10)
    dataset.VOILUTSequence = Sequence([a_table(np.array([65535, 0], np.uint16), 0, 16)])

    assert picture(dataset).tolist() == [[255, 0]]


@pytest.mark.parametrize(
    "elements", [{"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}]
)
def test_the_lowest_value_can_be_white(elements: dict[str, Any]) -> None:
    assert _levels(_row(0, 10), **elements) == [255, 0]


def test_both_ways_of_saying_so_do_not_cancel_out() -> None:
    levels = _levels(
        _row(0, 10), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"
    )

    assert levels == [255, 0]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.uint32, np.int8])
def test_without_a_window_all_values_are_shown(dtype: Any) -> None:
    assert _levels(_row(5, 15, 25, dtype=dtype)) == [0, 128, 255]


def test_grey_levels_of_8_bits_are_shown_as_they_are() -> None:
    assert _levels(_row(5, 15, 25, dtype=np.uint8)) == [5, 15, 25]


def test_values_of_8_bits_with_a_unit_are_not() -> None:
    levels = _levels(_row(5, 15, 25, dtype=np.uint8), RescaleSlope=2, RescaleIntercept=1)

    assert levels == [0, 128, 255]


@pytest.mark.parametrize("value", [0, 7, -7])
def test_an_image_of_one_value_is_black(value: int) -> None:
    assert _levels(_row(value, value)) == [0, 0]


def test_padding_is_black_and_counts_for_nothing() -> None:
    assert _levels(_row(-2000, 5, 25), PixelPaddingValue=-2000) == [0, 0, 255]


def test_padding_is_black_even_where_low_values_are_white() -> None:
    levels = _levels(
        _row(-2000, 5, 25), PixelPaddingValue=-2000, PhotometricInterpretation="MONOCHROME1"
    )

    assert levels == [0, 255, 0]


def test_nothing_but_padding_is_black() -> None:
    assert _levels(_row(-2000, -2000), PixelPaddingValue=-2000) == [0, 0]


def test_a_range_of_padding_may_be_wider_than_the_values() -> None:
    dataset = an_image(_row(5, 15, 25, dtype=np.uint16), PixelPaddingValue=20)
    dataset.add_new(0x00280121, "US", 65535)

    assert picture(dataset).tolist() == [[0, 255, 0]]


@pytest.mark.parametrize("slope", [1e300, -1e300, 1e-300])
def test_no_slope_is_too_steep(slope: float) -> None:
    values = modality_transformed(_row(-32768, 32767), Rescale(slope, 1e308))

    assert values.shape == (1, 2)
    assert len(_levels(_row(-5, 5), RescaleSlope=slope, RescaleIntercept=0)) == 2


def test_the_sample_bits_are_those_that_are_stored() -> None:
    # 4 bits of overlay above 12 bits of sample.
    values = _row(0xF000, 0xFFFF, dtype=np.uint16)

    assert _levels(values, BitsStored=12, HighBit=11) == [0, 255]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int8, np.uint8])
def test_a_value_is_shown_alike_whatever_else_is_in_the_image(dtype: Any) -> None:
    ends = np.iinfo(dtype)
    every = np.arange(ends.min, int(ends.max) + 1, dtype=dtype)
    window = Window(100, 300)
    levels = picture(an_image(every.reshape(-1, 256)), Rendering(window=window)).reshape(-1)

    for part in (every[:1], every[-1:], every[1:3], every[len(every) // 2 - 2 :], every[[0, -1]]):
        expected = levels[np.searchsorted(every, part)].tolist()
        assert _levels(part[np.newaxis], window) == expected
