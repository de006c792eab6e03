"""Frames found in constant time lie where the frame table says."""

import time
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.frame_places import FramePlaces
from hilum.dicom.frames import FramesUnknown, FrameTable, NoSuchFrame, WhyUnknown


@st.composite
def tables(draw: st.DrawFn) -> FrameTable:
    """Encapsulated tables with one or several fragments a frame, some of them padded."""
    per_frame = draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    several = any(number > 1 for number in per_frame)
    count = sum(per_frame)
    lengths = draw(st.lists(st.integers(1, 1000), min_size=count, max_size=count))
    trims = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    is_padded = draw(st.booleans())
    return FrameTable(
        len(per_frame),
        encapsulated=True,
        start=draw(st.integers(0, 1 << 40)),
        lengths=array("I", lengths),
        trims=array("I", trims if is_padded else []),
        fragments_per_frame=array("I", per_frame if several else []),
    )


@given(tables())
def test_encapsulated_frames_lie_where_the_table_says(table: FrameTable) -> None:
    places = FramePlaces(table)

    for frame in range(table.number_of_frames):
        assert list(places.spans(frame)) == list(table.spans(frame))
        assert places.size_bytes(frame) == sum(span.length for span in table.spans(frame))
    with pytest.raises(NoSuchFrame):
        places.spans(table.number_of_frames)


@given(st.integers(1, 10), st.integers(1, 100), st.integers(0, 1 << 40))
def test_native_frames_lie_where_the_table_says(frames: int, bits: int, start: int) -> None:
    table = FrameTable(frames, encapsulated=False, start=start, frame_bits=bits)
    places = FramePlaces(table)

    for frame in range(frames):
        assert places.spans(frame) == table.spans(frame)
        assert places.size_bytes(frame) == (bits + 7) // 8


def test_a_frame_beyond_the_last_is_told_before_why_the_others_are_unknown() -> None:
    places = FramePlaces(FrameTable(3, encapsulated=True, reason=WhyUnknown.NO_OFFSETS))
    uncounted = FramePlaces(
        FrameTable(0, encapsulated=True, reason=WhyUnknown.BAD_NUMBER_OF_FRAMES)
    )

    with pytest.raises(NoSuchFrame):
        places.check(3)
    with pytest.raises(FramesUnknown, match="no offset table that fits"):
        places.check(2)
    with pytest.raises(FramesUnknown, match="Number of Frames is no whole number"):
        uncounted.check(0)


def test_the_last_of_very_many_frames_is_found_like_the_first() -> None:
    count = 1_000_000
    table = FrameTable(count, encapsulated=True, lengths=array("I", [1000]) * count)
    places = FramePlaces(table)
    assert places.memory_bytes > 12 * count

    def seconds(frame: int) -> float:
        began = time.perf_counter()
        for _ in range(1000):
            places.spans(frame)
        return time.perf_counter() - began

    assert places.spans(count - 1)[0].offset == (count - 1) * 1008
    assert min(seconds(count - 1) for _ in range(5)) < 3 * min(seconds(0) for _ in range(5))


@given(tables())
def test_no_frame_is_larger_than_the_largest(table: FrameTable) -> None:
    places = FramePlaces(table)

    sizes = [places.size_bytes(frame) for frame in range(table.number_of_frames)]

    assert max(sizes) <= places.largest_bytes <= max(sizes) + len(table.trims)


@given(tables())
def test_the_end_of_encapsulated_pixel_data_is_behind_its_delimiter(table: FrameTable) -> None:
    last = table.spans(table.number_of_frames - 1)[-1]
    padding = table.trims[-1] if table.trims else 0

    assert FramePlaces(table).end == last.offset + last.length + padding + 8
