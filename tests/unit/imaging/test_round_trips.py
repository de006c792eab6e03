"""What is encoded here is read by decoders of other people, and by ours."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hilum.domain.errors import NotTranscodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.imaging.codestreams import announced, jpeg_2000_codestream
from hilum.imaging.decoding import decode
from hilum.imaging.syntaxes import SYNTAXES, Codec
from hilum.imaging.transcoding import transcode
from tests.unit.imaging.oracle import (
    BIG,
    DEFLATED_FRAME,
    HTJ2K,
    HTJ2K_RPCL,
    JPEG_2000,
    JPEG_2000_LOSSY,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_LS_NEAR,
    LITTLE,
    LOSSLESS,
    RLE,
    ROOM,
    by_pydicom,
)

_INDEPENDENT = {
    RLE: ("pydicom", "pylibjpeg"),
    JPEG_LOSSLESS: ("gdcm", "pylibjpeg"),
    JPEG_LS: ("pyjpegls", "pylibjpeg"),
    JPEG_2000: ("gdcm", "pylibjpeg"),
    HTJ2K: ("pylibjpeg",),
    HTJ2K_RPCL: ("pylibjpeg",),
}


def described(**changed: Any) -> ImagePixels:
    plain: dict[str, Any] = {
        "transfer_syntax_uid": LITTLE,
        "rows": 16,
        "columns": 24,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 12,
        "high_bit": 11,
        "is_signed": False,
    }
    return ImagePixels(**{**plain, **changed})


def native(pixels: ImagePixels, seed: int) -> tuple[EncodedFrame, np.ndarray[Any, Any]]:
    """A frame of random values, and these."""
    shape: tuple[int, ...] = (pixels.rows, pixels.columns)
    if pixels.samples_per_pixel > 1:
        shape += (pixels.samples_per_pixel,)
    low = -(1 << pixels.bits_stored - 1) if pixels.is_signed else 0
    high = low + (1 << pixels.bits_stored)
    kind = f"{'i' if pixels.is_signed else 'u'}{max(8, pixels.bits_allocated) // 8}"
    values = np.random.default_rng(seed).integers(low, high, shape, dtype=kind)
    stored = np.moveaxis(values, -1, 0) if pixels.planar_configuration else values
    return EncodedFrame(pixels, stored.astype(f"<{kind}").tobytes()), values


@st.composite
def images(draw: st.DrawFn) -> ImagePixels:
    allocated = draw(st.sampled_from((8, 16)))
    stored = draw(st.integers(1 if allocated == 8 else 2, allocated))
    colour = draw(st.sampled_from(("MONOCHROME2", "RGB", "YBR_FULL", "PALETTE COLOR")))
    samples = 3 if colour in {"RGB", "YBR_FULL"} else 1
    return described(
        rows=draw(st.integers(1, 40)),
        columns=draw(st.integers(1, 70)),
        samples_per_pixel=samples,
        photometric_interpretation=colour,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1,
        is_signed=samples == 1 and draw(st.booleans()),
        planar_configuration=draw(st.integers(0, 1)) if samples == 3 else 0,
    )


@pytest.mark.parametrize("target", LOSSLESS)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(pixels=images(), seed=st.integers(0, 2**32))
def test_lossless_targets_keep_every_sample(
    target: TransferSyntaxUID, pixels: ImagePixels, seed: int
) -> None:
    frame, values = native(pixels, seed)

    transcoded = transcode(frame, target, ROOM)

    again = EncodedFrame(transcoded.pixels, transcoded.data)
    assert np.array_equal(decode(again, ROOM).values, values)
    back = transcode(again, LITTLE, ROOM)
    assert np.array_equal(decode(EncodedFrame(back.pixels, back.data), ROOM).values, values)


@pytest.mark.parametrize(
    ("target", "plugin"),
    [(target, plugin) for target, plugins in _INDEPENDENT.items() for plugin in plugins],
)
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(pixels=images(), seed=st.integers(0, 2**32))
def test_others_read_what_was_encoded(
    target: TransferSyntaxUID, plugin: str, pixels: ImagePixels, seed: int
) -> None:
    # GDCM ends the process on any JPEG of less than 8 bits in a byte, its own included.
    assume(plugin != "gdcm" or target != JPEG_LOSSLESS or pixels.bits_stored >= 8)
    frame, values = native(pixels, seed)

    transcoded = transcode(frame, target, ROOM)

    seen = by_pydicom(EncodedFrame(transcoded.pixels, transcoded.data), plugin)
    assert np.array_equal(seen, values)


@pytest.mark.parametrize("target", [JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K])
def test_the_precision_of_the_codestream_is_that_of_the_data_set(
    target: TransferSyntaxUID,
) -> None:
    frame, _ = native(described(bits_stored=12, high_bit=11), seed=3)

    data = transcode(frame, target, ROOM).data

    assert announced(SYNTAXES[target].codec, data).bits == 12


@pytest.mark.parametrize(
    ("target", "most"), [(JPEG_BASELINE, 12), (JPEG_LS_NEAR, 2), (JPEG_2000_LOSSY, 8)]
)
def test_lossy_targets_stay_close(target: TransferSyntaxUID, most: int) -> None:
    ramp = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)
    values = np.stack([ramp, ramp[::-1], 255 - ramp], axis=-1)
    pixels = described(
        rows=64,
        columns=96,
        samples_per_pixel=3,
        photometric_interpretation="RGB",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
    )

    transcoded = transcode(EncodedFrame(pixels, values.tobytes()), target, ROOM)

    again = EncodedFrame(transcoded.pixels, transcoded.data)
    decoded = decode(again, ROOM)
    assert decoded.pixels.photometric_interpretation == "RGB"
    assert np.abs(decoded.values.astype(int) - values).max() <= most
    assert np.abs(by_pydicom(again).astype(int) - values).max() <= most


def test_twelve_bits_go_into_extended_jpeg() -> None:
    values = (np.add.outer(np.arange(64), np.arange(96)) * 20).astype(np.uint16)
    frame = EncodedFrame(described(rows=64, columns=96), values.tobytes())

    transcoded = transcode(frame, JPEG_EXTENDED, ROOM)

    seen = by_pydicom(EncodedFrame(transcoded.pixels, transcoded.data))
    assert np.abs(seen.astype(int) - values).max() <= 20


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (RLE, "RGB"),
        (JPEG_LOSSLESS, "RGB"),
        (JPEG_LS, "RGB"),
        (JPEG_2000, "YBR_RCT"),
        (JPEG_2000_LOSSY, "YBR_ICT"),
        (HTJ2K, "YBR_RCT"),
        (JPEG_BASELINE, "YBR_FULL_422"),
    ],
)
def test_the_photometric_interpretation_follows_the_codec(
    target: TransferSyntaxUID, told: str
) -> None:
    colours = described(
        samples_per_pixel=3,
        photometric_interpretation="RGB",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        planar_configuration=1,
    )
    frame, _ = native(colours, seed=4)

    transcoded = transcode(frame, target, ROOM)

    assert transcoded.pixels == replace(
        colours,
        transfer_syntax_uid=target,
        photometric_interpretation=told,
        planar_configuration=0,
    )


@pytest.mark.parametrize(
    ("changed", "target"),
    [
        ({"is_signed": True}, JPEG_BASELINE),
        ({}, JPEG_BASELINE),
        ({"bits_stored": 16, "high_bit": 15}, JPEG_EXTENDED),
        ({"is_signed": True}, JPEG_LS_NEAR),
        ({"photometric_interpretation": "PALETTE COLOR"}, JPEG_2000_LOSSY),
        ({"bits_allocated": 32, "bits_stored": 32, "high_bit": 31}, JPEG_2000),
        ({"bits_allocated": 1, "bits_stored": 1, "high_bit": 0}, RLE),
        ({"samples_per_pixel": 4, "photometric_interpretation": "CMYK"}, JPEG_LS),
        ({}, BIG),
        ({}, TransferSyntaxUID("1.2.840.10008.1.2.4.102")),
        ({}, TransferSyntaxUID("1.2.3")),
    ],
)
def test_what_a_syntax_does_not_take_is_refused(
    changed: dict[str, Any], target: TransferSyntaxUID
) -> None:
    frame, _ = native(described(**changed), seed=5)

    with pytest.raises(NotTranscodable):
        transcode(frame, target, ROOM)


def test_thirty_two_bits_go_through_rle() -> None:
    frame, values = native(described(bits_allocated=32, bits_stored=32, high_bit=31), seed=6)

    transcoded = transcode(frame, RLE, ROOM)

    again = EncodedFrame(transcoded.pixels, transcoded.data)
    assert np.array_equal(decode(again, ROOM).values, values)
    assert np.array_equal(by_pydicom(again), values)


def test_words_keep_their_unused_bits_between_syntaxes_that_keep_words() -> None:
    pixels = described(bits_stored=12, high_bit=11)
    data = np.arange(16 * 24, dtype="<u2") * 0x1111
    frame = EncodedFrame(pixels, data.tobytes())

    for target in (RLE, DEFLATED_FRAME):
        there = transcode(frame, target, ROOM)
        back = transcode(EncodedFrame(there.pixels, there.data), LITTLE, ROOM)

        assert back.data == frame.data
        assert back.pixels == frame.pixels


def test_progressive_htj2k_is_as_the_standard_wants_it() -> None:
    frame, _ = native(described(rows=700, columns=300), seed=7)

    data = transcode(frame, HTJ2K_RPCL, ROOM).data

    style = data.index(b"\xff\x52")
    order, decompositions = data[style + 5], data[style + 9]
    assert order == 2  # RPCL
    assert -(700 // -(2**decompositions)) <= 64
    assert b"\xff\x55" in data[:400]  # TLM
    assert jpeg_2000_codestream(data) == data
    assert SYNTAXES[HTJ2K_RPCL].codec is Codec.HTJ2K
