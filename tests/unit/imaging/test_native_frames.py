"""Samples in words: byte orders, unused bits, planes, single bits, chroma that is left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain.errors import NotTranscodable, PixelLimitExceeded, PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.decoding import decode
from hilum.imaging.transcoding import transcode
from tests.unit.imaging.oracle import BIG, JPEG_LS, LITTLE, RLE, ROOM
from tests.unit.imaging.test_round_trips import described


def small(**changed: Any) -> ImagePixels:
    plain = {"rows": 1, "columns": 4, "bits_allocated": 16, "bits_stored": 16, "high_bit": 15}
    return described(**{**plain, **changed})


def decoded(pixels: ImagePixels, data: bytes, bit_offset: int = 0) -> np.ndarray[Any, Any]:
    return decode(EncodedFrame(pixels, data, bit_offset), ROOM).values


@given(st.integers(2, 16), st.booleans(), st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4))
def test_unused_bits_are_taken_away_and_signs_extended(
    stored: int, is_signed: bool, words: list[int]
) -> None:
    for high in range(stored - 1, 16):
        pixels = small(bits_stored=stored, high_bit=high, is_signed=is_signed)
        expected = []
        for word in words:
            value = word >> (high + 1 - stored) & (1 << stored) - 1
            negative = is_signed and value >> (stored - 1)
            expected.append(value - (1 << stored) if negative else value)

        values = decoded(pixels, np.array(words, "<u2").tobytes())

        assert values.tolist() == [expected]
        assert values.dtype == (np.int16 if is_signed else np.uint16)


def test_samples_move_to_the_low_bits_with_their_description() -> None:
    pixels = small(bits_stored=12, high_bit=15)

    there = decode(
        EncodedFrame(pixels, np.array([1 << 4, 2 << 4, 3 << 4, 15], "<u2").tobytes()), ROOM
    )

    assert there.pixels == replace(pixels, high_bit=11)
    assert there.values.tolist() == [[1, 2, 3, 0]]


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_big_endian_words(bits: int) -> None:
    numbers = np.array([1, 2, 0x1234, 2**bits - 1], f">u{bits // 8}")
    pixels = small(
        transfer_syntax_uid=BIG,
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        has_words=True,
    )

    assert decoded(pixels, numbers.tobytes()).tolist() == [numbers.tolist()]
    there = transcode(EncodedFrame(pixels, numbers.tobytes()), LITTLE, ROOM)
    assert there.data == numbers.astype(f"<u{bits // 8}").tobytes()
    assert there.pixels == replace(pixels, transfer_syntax_uid=LITTLE, has_words=False)


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_bytes_in_big_endian_words_of_frames_of_an_odd_length(frame: int) -> None:
    stream = bytes(range(10))  # three frames of three bytes, and padding
    words = np.frombuffer(stream, "<u2").astype(">u2").tobytes()
    first = frame * 3
    start, stop = first - first % 2, first + 3 + (first + 3) % 2
    pixels = small(
        transfer_syntax_uid=BIG,
        columns=3,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        has_words=True,
    )

    values = decoded(pixels, words[start:stop], first % 2 * 8)

    assert values.tolist() == [list(stream[first : first + 3])]


@given(st.integers(0, 7), st.integers(1, 40), st.integers(0, 2**32))
def test_single_bits_may_start_anywhere_in_a_byte(offset: int, columns: int, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, offset + columns, np.uint8)
    pixels = small(columns=columns, bits_allocated=1, bits_stored=1, high_bit=0)
    data = np.packbits(bits, bitorder="little").tobytes()

    assert decoded(pixels, data, offset).tolist() == [bits[offset:].tolist()]
    there = transcode(
        EncodedFrame(replace(pixels, transfer_syntax_uid=BIG), data, offset), LITTLE, ROOM
    )
    assert there.data == np.packbits(bits[offset:], bitorder="little").tobytes()


def test_planes_are_interleaved() -> None:
    pixels = small(
        columns=2,
        samples_per_pixel=3,
        photometric_interpretation="RGB",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        planar_configuration=1,
    )

    there = decode(EncodedFrame(pixels, bytes([1, 2, 11, 12, 21, 22])), ROOM)

    assert there.values.tolist() == [[[1, 11, 21], [2, 12, 22]]]
    assert there.pixels == replace(pixels, planar_configuration=0)


def subsampled(**changed: Any) -> ImagePixels:
    colours = {
        "samples_per_pixel": 3,
        "photometric_interpretation": "YBR_FULL_422",
        "bits_allocated": 8,
        "bits_stored": 8,
        "high_bit": 7,
    }
    return small(**{**colours, **changed})


def test_chroma_that_is_left_out_is_repeated() -> None:
    there = decode(EncodedFrame(subsampled(), bytes([1, 2, 100, 200, 3, 4, 110, 210])), ROOM)

    assert there.values.tolist() == [[[1, 100, 200], [2, 100, 200], [3, 110, 210], [4, 110, 210]]]
    assert there.pixels.photometric_interpretation == "YBR_FULL"


def test_chroma_that_is_said_to_be_left_out_and_is_not() -> None:
    there = decode(EncodedFrame(subsampled(), bytes(range(12))), ROOM)

    assert there.values.reshape(-1).tolist() == list(range(12))


@pytest.mark.parametrize("columns", [3, 5])
def test_an_odd_row_has_no_pairs(columns: int) -> None:
    with pytest.raises(PixelsNotDecodable):
        decoded(subsampled(columns=columns), bytes(columns * 2))


@pytest.mark.parametrize("photometric", ["YBR_PARTIAL_422", "YBR_PARTIAL_420"])
def test_retired_forms_of_chroma_go_out_as_stored_only(photometric: str) -> None:
    frame = EncodedFrame(subsampled(photometric_interpretation=photometric), bytes(8))

    with pytest.raises(PixelsNotDecodable):
        transcode(frame, RLE, ROOM)


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": 0},
        {"columns": 70_000},
        {"samples_per_pixel": 0},
        {"samples_per_pixel": 5},
        {"bits_allocated": 12},
        {"bits_allocated": 0},
        {"bits_stored": 0},
        {"bits_stored": 17},
        {"high_bit": 16},
        {"high_bit": 3, "bits_stored": 8},
        {"planar_configuration": 2},
    ],
)
def test_impossible_descriptions_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(PixelsNotDecodable):
        decoded(small(**changed), bytes(8))


def test_the_limit_of_a_decoded_frame_is_exact() -> None:
    frame = EncodedFrame(small(), bytes(8))

    assert decode(frame, 8).values.size == 4
    with pytest.raises(PixelLimitExceeded):
        decode(frame, 7)


@pytest.mark.parametrize("data", [b"", bytes(7)])
def test_a_frame_that_is_too_short_is_no_image(data: bytes) -> None:
    with pytest.raises(PixelsNotDecodable):
        decoded(small(), data)


def test_what_nothing_decodes_is_not_transcodable() -> None:
    video = replace(small(), transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2.4.102"))

    with pytest.raises(NotTranscodable):
        transcode(EncodedFrame(video, b"video"), JPEG_LS, ROOM)


def test_nothing_happens_to_a_frame_that_is_wanted_as_it_is() -> None:
    frame = EncodedFrame(small(), b"whatever")

    assert transcode(frame, LITTLE, ROOM).data == b"whatever"


def test_implicit_and_explicit_little_endian_have_the_same_frames() -> None:
    implicit = small(
        transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2"), planar_configuration=1
    )

    there = transcode(EncodedFrame(implicit, b"whatever"), LITTLE, ROOM)

    assert there.data == b"whatever"
    assert there.pixels == replace(implicit, transfer_syntax_uid=LITTLE)
