"""What stands before the pixel data of an instance that is transcoded: copied, or read and written.

The file is as devices write it, or as they should not.
"""

import struct
from typing import Final

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from tests.unit.catalogue.test_transcoding import native
from tests.unit.catalogue.transcoded import put_into, read

_MARK: Final = "MARK"
_PLACE: Final = struct.pack("<HH2sH", 0x0020, 0x4000, b"LT", len(_MARK)) + _MARK.encode()
"""An element that a test puts others in the place of; (0020,4000) ImageComments."""
_OPEN: Final = 0xFFFFFFFF
_END_OF_ITEM: Final = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
_END_OF_SEQUENCE: Final = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def a_file(elements: bytes) -> bytes:
    data = native(ImageComments=_MARK)
    assert data.count(_PLACE) == 1
    return data.replace(_PLACE, elements)


async def header(elements: bytes) -> tuple[bytes, Dataset]:
    """What an RLE file has before its pixel data, made of one with `elements`; and its data set."""
    result = await put_into(a_file(elements), RLELossless)
    dataset = read(result)
    assert dataset.pixel_array.shape == (5, 16, 16)
    return result[: result.rindex(b"\xe0\x7f\x10\x00OB")], dataset


@pytest.mark.parametrize("length", [_OPEN, None])
async def test_sequences_are_copied_with_their_lengths_or_without(length: int | None) -> None:
    inner = element(0x0008, 0x0100, b"SH", b"A ") + element(0x0009, 0x1010, b"LO", b"\xe4\xf6")
    nested = struct.pack("<HH2sHI", 0x0008, 0x2218, b"SQ", 0, _OPEN)
    nested += struct.pack("<HHI", 0xFFFE, 0xE000, _OPEN) + inner + _END_OF_ITEM
    nested += struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner + _END_OF_SEQUENCE
    item = struct.pack("<HHI", 0xFFFE, 0xE000, _OPEN if length else len(nested)) + nested
    item += _END_OF_ITEM if length else b""
    sequence = struct.pack("<HH2sHI", 0x0020, 0x9222, b"SQ", 0, length or len(item)) + item
    sequence += _END_OF_SEQUENCE if length else b""

    head, dataset = await header(sequence)

    assert sequence in head
    assert [each.CodeValue for each in dataset[0x00209222].value[0].AnatomicRegionSequence] == [
        "A",
        "A",
    ]


async def test_a_tiff_header_in_the_preamble_does_not_stay() -> None:
    """Its offsets are those of the stored file."""
    tiff = struct.pack("<2sHI", b"II", 42, 8)
    data = native()

    result = await put_into(tiff + data[len(tiff) :], RLELossless)

    assert result[:132] == bytes(128) + b"DICM"


async def test_what_is_inside_of_sequences_is_not_read() -> None:
    """As objects it would take fifty times the memory, and here come out in order."""
    inner = element(0x0008, 0x0104, b"LO", b"text") + element(0x0008, 0x0100, b"SH", b"A ")
    sequence = struct.pack("<HH2sHI", 0x0020, 0x9222, b"SQ", 0, _OPEN)
    sequence += struct.pack("<HHI", 0xFFFE, 0xE000, _OPEN) + inner + _END_OF_ITEM
    sequence += _END_OF_SEQUENCE

    head, _ = await header(sequence)

    assert sequence in head


async def test_retired_group_lengths_are_left_out() -> None:
    head, dataset = await header(
        element(0x0020, 0x4000, b"LT", b"text") + element(0x0021, 0x0000, b"UL", b"\4\0\0\0")
    )

    assert b"\x21\0\0\0UL" not in head
    assert dataset.ImageComments == "text"


async def test_elements_in_disorder_are_put_in_order() -> None:
    _, dataset = await header(
        element(0x0020, 0x4000, b"LT", b"text") + element(0x0020, 0x0012, b"IS", b"7 ")
    )

    assert [each.tag for each in dataset] == sorted(each.tag for each in dataset)
    assert (dataset.ImageComments, dataset.AcquisitionNumber) == ("text", 7)


async def test_an_unknown_sequence_without_a_length_stays_a_sequence() -> None:
    """Of VR UN, its items are implicit little endian (PS3.5 6.2.2)."""
    inner = struct.pack("<HHI", 0x0008, 0x0100, 2) + b"A "
    unknown = element(0x0021, 0x0010, b"LO", b"ME")
    unknown += struct.pack("<HH2sHI", 0x0021, 0x1010, b"UN", 0, _OPEN)
    unknown += struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner + _END_OF_SEQUENCE

    _, dataset = await header(unknown)

    assert dataset[0x00211010].value[0].CodeValue == "A"
