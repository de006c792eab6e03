"""Pictures as files."""

import io
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hilum.domain.errors import HilumError, NotTranscodable, PixelLimitExceeded
from hilum.domain.images import EncodedFrame, ImagePixels
from hilum.domain.presentation import (
    Annotation,
    Captions,
    ColourSpace,
    Display,
    LookupTable,
    Overlay,
    Padding,
    Palette,
    PictureType,
    Rendering,
    Rescale,
    Viewport,
    VoiFunction,
    Window,
)
from hilum.imaging.pictures import moving, written
from hilum.imaging.placing import PictureLimits
from hilum.imaging.presenting import draw, draw_moving, picture_of
from tests.unit.imaging.oracle import LITTLE

_RANDOM = np.random.default_rng(3)
_GREY = np.kron(_RANDOM.integers(0, 256, (9, 8)), np.ones((8, 8))).astype(np.uint8)
_COLOURS = _RANDOM.integers(0, 256, (20, 30, 3), np.uint8)
_CAPTIONS = Captions(("Phantom Test", "P-1"), ("CT", "120 kV"))
_KINDS = [PictureType.JPEG, PictureType.PNG, PictureType.GIF]


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _written(drawn: Any, **wanted: Any) -> bytes:
    return written(drawn, Rendering(**wanted), _CAPTIONS)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_file_is_of_the_type_that_is_wanted(kind: PictureType) -> None:
    opened = _opened(_written(_COLOURS, picture=kind))

    assert Image.MIME[str(opened.format)] == kind
    assert opened.size == (30, 20)


@pytest.mark.parametrize("picture", [_GREY, _COLOURS], ids=["grey", "colours"])
def test_png_keeps_every_pixel(picture: Any) -> None:
    assert np.array_equal(np.asarray(_opened(_written(picture, picture=PictureType.PNG))), picture)


def test_gif_keeps_every_grey_level() -> None:
    opened = _opened(_written(_GREY, picture=PictureType.GIF))

    assert np.array_equal(np.asarray(opened.convert("L")), _GREY)


def test_jpeg_gets_closer_with_quality() -> None:
    files = [_written(_GREY, quality=quality) for quality in (1, 50, 100)]

    errors = [np.abs(np.asarray(_opened(each)).astype(int) - _GREY).max() for each in files]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] <= 2
    assert len(files[0]) < len(files[1]) < len(files[2])


@pytest.mark.parametrize("picture", [_GREY, _COLOURS], ids=["grey", "colours"])
@pytest.mark.parametrize("quality", [1, 50, 89, 90, 100])
def test_jpeg_has_the_same_pixels_with_and_without_a_profile(picture: Any, quality: int) -> None:
    plain = _written(picture, quality=quality)
    profiled = _written(picture, quality=quality, colour_space=ColourSpace.YES)

    assert np.array_equal(np.asarray(_opened(plain)), np.asarray(_opened(profiled)))


def test_the_same_picture_is_the_same_file() -> None:
    wanted = {"picture": PictureType.PNG, "colour_space": ColourSpace.DISPLAY_P3}

    assert _written(_COLOURS, **wanted) == _written(_COLOURS, **wanted)


def test_nothing_is_written_on_a_picture_unless_asked_for() -> None:
    black = np.zeros((400, 400), np.uint8)

    assert not np.asarray(_opened(_written(black, picture=PictureType.PNG))).any()


@pytest.mark.parametrize("shape", [(400, 400), (400, 400, 3)])
def test_captions_stand_left_and_right(shape: tuple[int, ...]) -> None:
    def columns(*annotations: Annotation) -> Any:
        data = _written(
            np.zeros(shape, np.uint8),
            picture=PictureType.PNG,
            annotations=frozenset(annotations),
        )
        drawn = np.asarray(_opened(data)).reshape(400, 400, -1).max(axis=(0, 2))
        return np.flatnonzero(drawn)

    assert columns(Annotation.PATIENT).max() < 200
    assert columns(Annotation.TECHNIQUE).min() > 200


def test_captions_are_legible_on_white() -> None:
    white = np.full((200, 200), 255, np.uint8)

    data = _written(white, picture=PictureType.PNG, annotations=frozenset({Annotation.PATIENT}))

    assert np.asarray(_opened(data)).min() == 0


def test_a_picture_that_is_too_long_for_jpeg_goes_out_as_png() -> None:
    long = np.zeros((1, 65_501), np.uint8)

    with pytest.raises(NotTranscodable, match="image/jpeg"):
        _written(long)
    assert _opened(_written(long, picture=PictureType.PNG)).size == (65_501, 1)


def test_frames_move() -> None:
    frames = [np.full((4, 6), level, np.uint8) for level in (10, 200, 90)]

    opened = _opened(moving(frames, Rendering(PictureType.GIF), Captions(), 40, 1000))

    shown = []
    for at in range(3):
        opened.seek(at)
        shown.append(int(np.asarray(opened.convert("L"))[0, 0]))
        assert opened.info["duration"] == 40
    assert shown == [10, 200, 90]
    assert opened.info["loop"] == 0


def test_frames_end_at_the_limit() -> None:
    made = []

    def frames() -> Any:
        for at in range(1000):
            made.append(at)
            yield np.zeros((10, 10), np.uint8)

    with pytest.raises(PixelLimitExceeded):
        moving(frames(), Rendering(PictureType.GIF), Captions(), None, 500)
    assert len(made) == 6


def test_no_frames_are_no_picture() -> None:
    limits = PictureLimits(100, 100)

    with pytest.raises(NotTranscodable, match="no frames"):
        draw_moving([], Rendering(PictureType.GIF), limits)


def test_stored_frames_move_at_the_pace_of_their_data_set() -> None:
    pixels = ImagePixels(LITTLE, 2, 2, 1, "MONOCHROME2", 8, 8, 7, False)
    display = Display(frame_milliseconds=500)
    frames = [(EncodedFrame(pixels, bytes([level] * 4)), display) for level in (1, 2)]

    opened = _opened(draw_moving(frames, Rendering(PictureType.GIF), PictureLimits(100, 100)))

    assert (opened.n_frames, opened.info["duration"]) == (2, 500)  # type: ignore[attr-defined]


_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TABLES = st.builds(
    lambda first, bits, data: LookupTable(first, bits, data + b"\0\0"[: 2 - len(data) % 2]),
    st.integers(-40000, 70000),
    st.integers(1, 16),
    st.binary(max_size=20),
)
_POSITIVE = st.floats(min_value=1e-300, max_value=1e300)
_WINDOWS = st.builds(Window, _FLOATS, _POSITIVE, st.sampled_from(VoiFunction))
_OVERLAYS = st.builds(
    lambda rows, columns, row, column, is_region, bit, has_data: Overlay(
        rows,
        columns,
        row,
        column,
        is_region,
        bytes([0xA5] * (rows * columns // 8 + 2)) if has_data else b"",
        bit if not has_data else bit % 8,
    ),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(-40000, 40000),
    st.integers(-9, 9),
    st.booleans(),
    st.integers(1, 31),
    st.booleans(),
)
_DISPLAYS = st.builds(
    Display,
    modality=st.none() | st.builds(Rescale, _FLOATS, _FLOATS) | _TABLES,
    windows=st.lists(_WINDOWS, max_size=1),
    voi_tables=st.lists(_TABLES, max_size=1),
    is_inverse=st.booleans(),
    padding=st.none()
    | st.builds(lambda ends: Padding(*sorted(ends)), st.tuples(st.integers(), st.integers())),
    palette=st.none() | st.builds(Palette, _TABLES, _TABLES, _TABLES, st.booleans()),
    pixel_aspect=st.floats(0.1, 10),
    overlays=st.lists(_OVERLAYS, max_size=3),
    icc_profile=st.none() | st.binary(max_size=300),
    captions=st.builds(
        Captions, st.lists(st.text(st.characters(categories=["L", "N"]), max_size=70), max_size=3)
    ),
)
_NUMBERS = st.floats(-20, 20)
_RENDERINGS = st.builds(
    Rendering,
    st.sampled_from(PictureType),
    st.none() | _WINDOWS,
    st.none()
    | st.builds(
        Viewport,
        st.integers(-1, 60),
        st.integers(-1, 60),
        _NUMBERS,
        _NUMBERS,
        st.none() | _NUMBERS,
        st.none() | _NUMBERS,
    ),
    st.integers(-5, 200),
    st.frozensets(st.sampled_from(Annotation)),
    st.sampled_from(ColourSpace),
)
_IMAGES = st.builds(
    lambda rows, columns, samples, photometric, layout, is_signed: ImagePixels(
        LITTLE, rows, columns, samples, photometric, *layout, is_signed
    ),
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from([1, 1, 1, 3, 4]),
    st.sampled_from(["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "HSV", ""]),
    st.sampled_from([(1, 1, 0), (8, 8, 7), (8, 5, 4), (16, 12, 11), (16, 16, 15), (32, 32, 31)]),
    st.booleans(),
)


@given(pixels=_IMAGES, display=_DISPLAYS, rendering=_RENDERINGS, seed=st.integers(0, 9))
def test_whatever_is_asked_of_whatever_there_is_a_picture_or_a_known_error(
    pixels: ImagePixels, display: Display, rendering: Rendering, seed: int
) -> None:
    frame = EncodedFrame(pixels, np.random.default_rng(seed).bytes(9 * 9 * 4 * 4))
    limits = PictureLimits(9 * 9 * 4 * 4, 2000)
    try:
        data = draw(frame, display, rendering, limits)
    except HilumError:
        return

    width, height = _opened(data).size
    assert width * height <= limits.picture_pixels


@pytest.mark.parametrize(
    ("samples", "photometric", "bits"),
    [(1, "MONOCHROME2", 16), (1, "MONOCHROME2", 32), (1, "PALETTE COLOR", 8), (3, "YBR_FULL", 8)],
)
def test_memory_is_a_few_times_that_of_frame_and_picture(
    samples: int, photometric: str, bits: int
) -> None:
    pixels = ImagePixels(
        LITTLE, 2048, 2048, samples, photometric, bits, bits, bits - 1, is_signed=False
    )
    data = _RANDOM.bytes(2048 * 2048 * samples * bits // 8)
    table = LookupTable(0, 8, bytes(512))
    display = Display(palette=Palette(table, table, table))
    if samples == 1 and photometric == "MONOCHROME2":
        plane = Overlay(65_535, 65_535, -60_000, -60_000, False, bytes(65_535 * 8192))
        display = Display(overlays=[plane])

    tracemalloc.start()
    try:
        picture_of(
            EncodedFrame(pixels, data), display, Rendering(), PictureLimits(1 << 30, 1 << 24)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    picture_bytes = 2048 * 2048 * (1 if photometric == "MONOCHROME2" else 3)
    assert peak < 2 * len(data) + 2 * picture_bytes + (64 << 20)


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_a_frame_over_the_limit_is_refused_before_it_is_read(bits: int) -> None:
    pixels = ImagePixels(LITTLE, 65_535, 65_535, 1, "MONOCHROME2", bits, bits, bits - 1, False)
    limits = PictureLimits(1 << 20, 1 << 40)

    with pytest.raises(PixelLimitExceeded):
        draw(EncodedFrame(pixels, b""), Display(), Rendering(), limits)
    with pytest.raises(PixelLimitExceeded):
        draw(
            EncodedFrame(replace(pixels, rows=1), b""),
            Display(),
            Rendering(),
            replace(limits, frame_bytes=100),
        )
