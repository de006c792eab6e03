"""Codestreams whose precision or sign is not what the data set says."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from hilum.domain.errors import PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame
from hilum.imaging.decoding import decode
from hilum.imaging.pixels import Decoded
from tests.unit.imaging.oracle import HTJ2K, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, ROOM
from tests.unit.imaging.test_round_trips import described

Array = np.ndarray[Any, Any]


def lossless(values: Array, bits: int) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(values, lossless=True, predictor=1, bitspersample=bits))


def wavelet(values: Array, bits: int) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True, bitspersample=bits)
    )


def read(target: TransferSyntaxUID, data: bytes, **changed: Any) -> Decoded:
    plain = {"transfer_syntax_uid": target, "rows": 2, "columns": 3}
    return decode(EncodedFrame(described(**{**plain, **changed}), data), ROOM)


_SIGNED = np.array([[-2048, -1, 0], [1, 5, 2047]], np.int16)


@pytest.mark.parametrize(
    ("bits", "data"),
    [(12, _SIGNED.astype(np.uint16) & 0xFFF), (16, _SIGNED.view(np.uint16)), (16, _SIGNED & 0xFFF)],
    ids=["twelve bits", "sixteen bits, sign extended", "sixteen bits, sign not extended"],
)
def test_signs_are_found_where_the_codestream_knows_none(bits: int, data: Array) -> None:
    there = read(JPEG_LOSSLESS, lossless(data.astype(np.uint16), bits), is_signed=True)

    assert np.array_equal(there.values, _SIGNED)
    assert there.pixels.bits_stored == 12


@pytest.mark.parametrize("is_signed", [True, False])
def test_the_sign_of_the_data_set_counts(is_signed: bool) -> None:
    raw = _SIGNED.astype(np.uint16) & 0xFFF

    from_unsigned = read(JPEG_2000, wavelet(raw, 12), is_signed=is_signed)
    from_signed = read(JPEG_2000, wavelet(_SIGNED, 12), is_signed=is_signed)

    expected = _SIGNED if is_signed else raw
    assert np.array_equal(from_unsigned.values, expected)
    assert np.array_equal(from_signed.values, expected)


def test_samples_that_need_more_bits_than_are_said_to_be_stored_are_not_cut() -> None:
    values = np.array([[0, 1, 2], [4095, 4096, 60000]], np.uint16)

    there = read(JPEG_LOSSLESS, lossless(values, 16))

    assert np.array_equal(there.values, values)
    assert (there.pixels.bits_stored, there.pixels.high_bit) == (16, 15)


def test_fewer_bits_than_stored_are_fine() -> None:
    values = np.array([[0, 1, 2], [3, 254, 255]], np.uint8)

    there = read(JPEG_LS, bytes(imagecodecs.jpegls_encode(values, 0)))

    assert np.array_equal(there.values, values)
    assert there.values.dtype == np.uint16
    assert there.pixels.bits_stored == 12


def test_more_bits_than_allocated_are_refused() -> None:
    values = np.array([[0, 1, 2], [3, 4, 4095]], np.uint16)

    with pytest.raises(PixelsNotDecodable, match="more than are allocated"):
        read(JPEG_2000, wavelet(values, 12), bits_allocated=8, bits_stored=8, high_bit=7)


@pytest.mark.parametrize(
    "changed", [{"rows": 3}, {"columns": 2}, {"samples_per_pixel": 3}], ids=str
)
def test_another_size_than_described_is_refused(changed: dict[str, int]) -> None:
    data = wavelet(np.zeros((2, 3), np.uint16), 12)

    with pytest.raises(PixelsNotDecodable, match="data set describes"):
        read(JPEG_2000, data, **changed)


@pytest.mark.parametrize("target", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K])
@pytest.mark.parametrize("other", [lossless, wavelet], ids=["JPEG", "JPEG 2000"])
def test_a_codestream_of_another_codec_is_refused(target: TransferSyntaxUID, other: Any) -> None:
    data = other(np.zeros((2, 3), np.uint16), 12)
    if target == JPEG_LOSSLESS:
        data = wavelet(np.zeros((2, 3), np.uint16), 12)
    elif target in {JPEG_2000, HTJ2K}:
        data = lossless(np.zeros((2, 3), np.uint16), 12)

    with pytest.raises(PixelsNotDecodable):
        read(target, data)


def test_a_codestream_in_a_jp2_file_is_found() -> None:
    values = np.array([[0, 1, 2], [3, 4, 4095]], np.uint16)
    data = bytes(imagecodecs.jpeg2k_encode(values, codecformat="jp2", bitspersample=12))

    assert data[4:8] == b"jP  "
    assert np.array_equal(read(JPEG_2000, data).values, values)


def test_padding_behind_the_end_does_not_matter() -> None:
    values = np.array([[0, 1, 2], [3, 4, 4095]], np.uint16)

    for target, data in ((JPEG_2000, wavelet(values, 12)), (JPEG_LOSSLESS, lossless(values, 12))):
        assert np.array_equal(read(target, data + b"\0").values, values)
        assert np.array_equal(read(target, data + b"\xff\xff\0").values, values)
        assert np.array_equal(read(target, data + bytes(1000)).values, values)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"])
def test_progressive_jpeg_is_read(syntax: str) -> None:
    values = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(values).save(written, "JPEG", quality=95, progressive=True)

    there = read(
        TransferSyntaxUID(syntax),
        written.getvalue(),
        rows=32,
        columns=48,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
    )

    assert np.abs(there.values.astype(int) - values).max() <= 4
