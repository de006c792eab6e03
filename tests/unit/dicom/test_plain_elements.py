"""A walk over the heads of a data set: it finds every element, or says that it cannot."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.dicom.plain_elements import NotPlain, plain_elements, with_elements

_OPEN = 0xFFFFFFFF
_PIXELS = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, _OPEN)


def short(tag: int, value: bytes = b"ab") -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"LO", len(value)) + value


def open_sequence(tag: int, *items: bytes) -> bytes:
    head = struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"SQ", 0, _OPEN)
    return head + b"".join(items) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def open_item(content: bytes) -> bytes:
    begin, end = struct.pack("<HHI", 0xFFFE, 0xE000, _OPEN), struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    return begin + content + end


NESTED = open_sequence(
    0x00082218,
    open_item(short(0x00080100) + open_sequence(0x00082218, open_item(b""))),
    open_item(b""),
)
DATA = short(0x00080005) + NESTED + short(0x00100010)


def test_elements_are_found_up_to_the_pixel_data() -> None:
    found = list(plain_elements(DATA + _PIXELS + b"anything"))

    assert [each.tag for each in found] == [0x00080005, 0x00082218, 0x00100010]
    assert DATA[found[1].start : found[1].stop] == NESTED
    assert found[-1].stop == len(DATA)


def test_elements_are_replaced_added_and_left_out() -> None:
    changed = {
        0x00080005: short(0x00080005, b"xyz "),
        0x00082218: b"",
        0x00090010: short(0x00090010),
    }

    result = with_elements(DATA, changed)

    assert result == changed[0x00080005] + changed[0x00090010] + short(0x00100010)


@pytest.mark.parametrize(
    "data",
    [
        short(0x00100010) + short(0x00080005),
        short(0x00100010) + short(0x00100010),
        struct.pack("<HHI", 0x0010, 0x0010, 2) + b"ab",
        struct.pack("<HH2sHI", 0x0009, 0x1010, b"UN", 0, _OPEN),
        struct.pack("<HH2sHI", 0x0009, 0x1010, b"OB", 1, 0),
        open_sequence(0x00082218, short(0x00080100)),
        open_sequence(0x00082218)[:-8],
    ],
    ids=["disorder", "twice", "implicit", "unknown", "reserved", "no item", "no end"],
)
def test_what_is_unusual_is_not_understood(data: bytes) -> None:
    with pytest.raises(NotPlain):
        list(plain_elements(data))


@pytest.mark.parametrize("size", range(1, len(DATA)))
def test_what_is_cut_short_is_not_understood_unless_between_elements(size: int) -> None:
    ends = {len(short(0x00080005)), len(short(0x00080005) + NESTED)}
    if size in ends:
        assert list(plain_elements(DATA[:size]))[-1].stop == size
        return
    with pytest.raises(NotPlain):
        list(plain_elements(DATA[:size]))


def test_sequences_in_sequences_need_no_deep_calls() -> None:
    depth = 20_000
    head = struct.pack("<HH2sHI", 0x0008, 0x2218, b"SQ", 0, _OPEN)
    begin, end = head + struct.pack("<HHI", 0xFFFE, 0xE000, _OPEN), open_item(b"")[8:]
    data = begin * depth + (end + open_sequence(0x00082218)[12:]) * depth

    (found,) = plain_elements(data)

    assert found.stop == len(data)


@given(st.binary(max_size=200))
def test_noise_ends_in_an_answer(noise: bytes) -> None:
    try:
        found = list(plain_elements(DATA + noise))
    except NotPlain:
        return
    assert all(before.stop == after.start for before, after in pairwise(found))
