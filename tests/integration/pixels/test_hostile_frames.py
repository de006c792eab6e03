"""Codestreams that were cut, bent or lie, given to real workers: typed errors, and nobody dies."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.adapters.pixels.pool import PixelPool
from hilum.domain.errors import NotTranscodable, PixelLimitExceeded, PixelsNotDecodable
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.imaging.transcoding import transcode
from tests.integration.pixels.test_pool import Counted, limits
from tests.unit.imaging.oracle import (
    DEFLATED_FRAME,
    HTJ2K,
    JPEG_2000,
    JPEG_2000_LOSSY,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_LS_NEAR,
    LITTLE,
    RLE,
    ROOM,
)
from tests.unit.imaging.test_round_trips import described, native

_TARGETS = (
    DEFLATED_FRAME,
    RLE,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_LS_NEAR,
    JPEG_2000,
    JPEG_2000_LOSSY,
    HTJ2K,
)
_TYPED = (PixelsNotDecodable, PixelLimitExceeded, NotTranscodable)


@cache
def sound(target: TransferSyntaxUID, samples: int = 1) -> EncodedFrame:
    """A frame of 33 x 21 in some syntax."""
    depth = 8 if target == JPEG_BASELINE or samples == 3 else 12
    pixels = described(
        rows=33,
        columns=21,
        samples_per_pixel=samples,
        photometric_interpretation="RGB" if samples == 3 else "MONOCHROME2",
        bits_allocated=8 if depth == 8 else 16,
        bits_stored=depth,
        high_bit=depth - 1,
    )
    frame, _ = native(pixels, seed=9)
    transcoded = transcode(frame, target, ROOM)
    return EncodedFrame(transcoded.pixels, transcoded.data)


@pytest.fixture
async def pool() -> AsyncIterator[PixelPool]:
    async with PixelPool(limits(workers=2, memory_bytes=1 << 27), Counted()) as opened:
        yield opened


# The last bytes of a deflated stream may hold nothing of the image.
@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (target, kept)
        for target in _TARGETS
        for kept in (0, 1, 2, 10, 50, 200, -1, -2, -3)
        if kept >= 0 or target != DEFLATED_FRAME
    ],
)
async def test_a_frame_that_was_cut_off_is_no_image(
    pool: PixelPool, target: TransferSyntaxUID, kept: int
) -> None:
    frame = sound(target)

    with pytest.raises(PixelsNotDecodable):
        await pool.transcode(replace(frame, data=frame.data[:kept]), LITTLE)


@pytest.mark.slow
@pytest.mark.parametrize("target", _TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_bent_frames_end_in_an_image_of_that_size_or_a_typed_error(
    target: TransferSyntaxUID, data: st.DataObject
) -> None:
    frame = sound(target, data.draw(st.sampled_from((1, 3))) if target != JPEG_EXTENDED else 1)
    bent = bytearray(frame.data)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(bent) - 1))
        bent[at] = data.draw(st.integers(0, 255))
    asked = replace(frame, data=bytes(bent))

    try:
        answer = _RUNNER.ask(asked)
    except _TYPED:
        return

    pixels = frame.pixels
    size = pixels.rows * pixels.columns * pixels.samples_per_pixel * pixels.bits_allocated // 8
    assert len(answer.data) == size


def _jpeg_2000_of(columns: int, rows: int, tile: int) -> bytes:
    frame = sound(JPEG_2000)
    data = bytearray(frame.data)
    struct.pack_into(">IIII", data, 8, columns, rows, 0, 0)
    struct.pack_into(">IIII", data, 24, tile, tile, 0, 0)
    return bytes(data)


def _jpeg_of(target: TransferSyntaxUID, marker: bytes, columns: int, rows: int) -> bytes:
    data = bytearray(sound(target).data)
    struct.pack_into(">HH", data, data.index(marker) + 5, rows, columns)
    return bytes(data)


@pytest.mark.parametrize(
    ("target", "bomb"),
    [
        (JPEG_2000, _jpeg_2000_of(65535, 65535, 65535)),
        (JPEG_2000, _jpeg_2000_of(2**32 - 1, 2**32 - 1, 2**32 - 1)),
        (JPEG_LOSSLESS, _jpeg_of(JPEG_LOSSLESS, b"\xff\xc3", 65535, 65535)),
        (JPEG_EXTENDED, _jpeg_of(JPEG_EXTENDED, b"\xff\xc1", 65535, 65535)),
        (JPEG_LS, _jpeg_of(JPEG_LS, b"\xff\xf7", 65535, 65535)),
    ],
)
async def test_a_small_codestream_that_announces_a_huge_image_is_refused_at_once(
    pool: PixelPool, target: TransferSyntaxUID, bomb: bytes
) -> None:
    await pool.transcode(sound(target), LITTLE)  # a worker is there, and warm
    began = time.monotonic()

    with pytest.raises(PixelsNotDecodable, match="data set describes"):
        await pool.transcode(replace(sound(target), data=bomb), LITTLE)

    honest = replace(sound(target).pixels, rows=65535, columns=65535)
    with pytest.raises(PixelLimitExceeded, match=r"pixels\.maximum_frame_bytes"):
        await pool.transcode(EncodedFrame(honest, bomb), LITTLE)
    assert time.monotonic() - began < 2


async def test_a_deflated_bomb_is_read_no_further_than_the_frame(pool: PixelPool) -> None:
    frame, _ = native(described(rows=4096, columns=4096), seed=1)
    large = transcode(replace(frame, data=bytes(len(frame.data))), DEFLATED_FRAME, ROOM)
    small = replace(large.pixels, rows=4, columns=4)

    answer = await pool.transcode(EncodedFrame(small, large.data), LITTLE)

    assert answer.data == bytes(32)


async def test_a_codestream_that_changes_its_mind_is_refused(pool: PixelPool) -> None:
    frame = sound(JPEG_LS)
    frame_header = frame.data.index(b"\xff\xf7")
    header = frame.data[frame_header : frame_header + 13]
    twice = frame.data[:frame_header] + header + frame.data[frame_header:]
    other_size = b"\xff\xf8\x00\x08\x04\x02\xff\xff\xff\xff"
    resized = frame.data[: frame_header + 13] + other_size + frame.data[frame_header + 13 :]

    for data, why in ((twice, "2 frame headers"), (resized, "another size")):
        with pytest.raises(PixelsNotDecodable, match=why):
            await pool.transcode(replace(frame, data=data), LITTLE)


class _Runner:
    """Asks one pool from tests that are no coroutines."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None
        self._pool: PixelPool | None = None

    def ask(self, frame: EncodedFrame) -> TranscodedFrame:
        if self._runner is None or self._pool is None:
            self._runner = asyncio.Runner()
            self._pool = PixelPool(limits(memory_bytes=1 << 27), Counted())
        return self._runner.run(self._pool.transcode(frame, LITTLE))

    def close(self) -> None:
        if self._runner is not None and self._pool is not None:
            self._runner.run(self._pool.__aexit__())
            self._runner.close()
            self._runner = self._pool = None


_RUNNER = _Runner()


@pytest.fixture(autouse=True, scope="module")
def _end_of_the_runner() -> Iterator[None]:
    yield
    _RUNNER.close()
