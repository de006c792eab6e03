"""Segmented palettes (PS3.3 C.7.9.2), beside pydicom's."""

import struct
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.pixels.processing import _expand_segmented_lut

from hilum.dicom.lookup_tables import expanded


def _packed(numbers: list[int], width: int) -> bytes:
    return struct.pack(f"<{len(numbers)}{'B' if width == 1 else 'H'}", *numbers)


@pytest.mark.parametrize("width", [1, 2])
def test_discrete_segments_are_taken_as_they_are(width: int) -> None:
    assert expanded(_packed([0, 3, 7, 8, 9, 0, 1, 5], width), 10, width) == [7, 8, 9, 5]


@pytest.mark.parametrize("width", [1, 2])
def test_linear_segments_go_on_from_the_last_entry(width: int) -> None:
    assert expanded(_packed([0, 1, 10, 1, 4, 20], width), 10, width) == [10, 12, 15, 18, 20]


def test_an_indirect_segment_repeats_others_by_their_byte() -> None:
    # A discrete segment, a linear one, then both again from byte 0.
    numbers = [0, 2, 0, 4, 1, 2, 8, 2, 2, 0, 0]

    assert expanded(_packed(numbers, 2), 20, 2) == [0, 4, 6, 8, 0, 4, 6, 8]


def test_an_indirect_segment_of_bytes_has_an_offset_of_four() -> None:
    numbers = [0, 2, 0, 4, 1, 2, 8, 2, 1, 4, 0, 0, 0]

    assert expanded(bytes(numbers), 20, 1) == [0, 4, 6, 8, 8, 8]


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 5, 10],  # linear without a beginning
        [0, 5, 10],  # shorter than it says
        [9, 1, 1],  # no such segment
        [2, 1, 0, 0],  # indirect to itself
        [0, 0, 0, 1, 4],  # without entries
    ],
)
def test_a_damaged_table_ends_where_the_damage_is(numbers: list[int]) -> None:
    good = [0, 1, 7]

    assert expanded(_packed([*good, *numbers], 2), 10, 2)[0] == 7


def test_no_more_entries_are_made_than_are_wanted() -> None:
    assert len(expanded(_packed([0, 1, 0, 1, 65535, 9] * 2, 2), 100, 2)) == 100


_DISCRETE = st.lists(st.integers(0, 255), min_size=1, max_size=20).map(
    lambda values: [0, len(values), *values]
)
_LINEAR = st.tuples(st.integers(1, 200), st.integers(0, 255)).map(lambda two: [1, *two])


@given(first=_DISCRETE, others=st.lists(st.one_of(_DISCRETE, _LINEAR), max_size=8))
def test_tables_expand_as_pydicom_expands_them(first: list[int], others: list[list[int]]) -> None:
    numbers = sum(others, first)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = _expand_segmented_lut(tuple(numbers), "<H")

    found = expanded(_packed(numbers, 2), 1 << 16, 2)

    assert len(found) == len(expected)
    assert all(abs(mine - theirs) <= 1 for mine, theirs in zip(found, expected, strict=True))


@given(data=st.binary(max_size=300), count=st.integers(1, 500), width=st.sampled_from([1, 2]))
def test_no_bytes_expand_for_ever(data: bytes, count: int, width: int) -> None:
    assert len(expanded(data, count, width)) <= count
