"""Decoding a frame to see which image it is."""

from dataclasses import replace

import pytest

from hilum.domain.errors import NotTranscodable, PixelLimitExceeded, PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.judging import judge
from hilum.imaging.transcoding import transcode
from tests.unit.imaging.oracle import (
    DEFLATED_FRAME,
    HTJ2K,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    LITTLE,
    RLE,
    ROOM,
)
from tests.unit.imaging.test_round_trips import described, native

_WITH_A_SIZE = (JPEG_BASELINE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K)
_ALL = (LITTLE, DEFLATED_FRAME, RLE, *_WITH_A_SIZE)


def _frame(target: TransferSyntaxUID, samples: int = 1) -> EncodedFrame:
    """A frame of 33 x 21."""
    pixels = described(
        rows=33, columns=21, samples_per_pixel=samples, bits_allocated=8, bits_stored=8, high_bit=7,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
    )  # fmt: skip
    frame, _ = native(pixels, seed=4)
    made = transcode(frame, target, ROOM)
    return EncodedFrame(made.pixels, made.data)


def _size(pixels: ImagePixels) -> tuple[int, int, int, int]:
    return pixels.rows, pixels.columns, pixels.samples_per_pixel, pixels.bits_stored


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("syntax", _ALL)
def test_a_sound_frame_is_the_image_that_the_data_set_describes(
    syntax: TransferSyntaxUID, samples: int
) -> None:
    frame = _frame(syntax, samples)

    assert _size(judge(frame, ROOM)) == (33, 21, samples, 8)


@pytest.mark.parametrize("syntax", _WITH_A_SIZE)
def test_a_codestream_of_another_size_is_judged_by_what_it_is(syntax: TransferSyntaxUID) -> None:
    frame = _frame(syntax, 3)
    lying = replace(frame.pixels, rows=12, columns=50, samples_per_pixel=1)

    assert _size(judge(replace(frame, pixels=lying), ROOM)) == (33, 21, 3, 8)


def test_samples_that_need_more_bits_than_are_stored_are_told() -> None:
    pixels = described(rows=9, columns=9, bits_allocated=16, bits_stored=12, high_bit=11)
    frame, _ = native(pixels, seed=3)
    made = transcode(frame, JPEG_LS, ROOM)
    lying = replace(made.pixels, bits_allocated=8, bits_stored=8, high_bit=7)

    found = judge(EncodedFrame(lying, made.data), ROOM)

    assert found.bits_stored == 12


@pytest.mark.parametrize("syntax", _ALL[1:])
def test_a_frame_that_was_cut_is_not_decodable(syntax: TransferSyntaxUID) -> None:
    frame = _frame(syntax)

    with pytest.raises(PixelsNotDecodable):
        judge(replace(frame, data=frame.data[: len(frame.data) // 2]), ROOM)


def test_an_image_larger_than_allowed_is_not_decoded_whatever_the_data_set_says() -> None:
    frame = _frame(JPEG_2000)
    lying = replace(frame.pixels, rows=1, columns=1)

    with pytest.raises(PixelLimitExceeded):
        judge(replace(frame, pixels=lying), 100)


def test_what_no_decoder_takes_is_said_so() -> None:
    frame = _frame(JPEG_2000)
    video = replace(frame.pixels, transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2.4.100"))

    with pytest.raises(NotTranscodable):
        judge(replace(frame, pixels=video), ROOM)
