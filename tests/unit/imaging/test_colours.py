"""Stored colours, palettes and colour spaces."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset

from hilum.domain.errors import NotTranscodable
from hilum.domain.presentation import Captions, ColourSpace, PictureType, Rendering
from hilum.imaging.colour_spaces import profile
from hilum.imaging.pictures import written
from tests.unit.imaging.shown import an_image, picture

_COLOURS = np.random.default_rng(1).integers(0, 256, (6, 5, 3), np.uint8)


def test_planes_and_interleaved_colours_look_the_same() -> None:
    planes = an_image(_COLOURS, PlanarConfiguration=1)
    planes.PixelData = np.moveaxis(_COLOURS, -1, 0).tobytes()

    assert np.array_equal(picture(planes), _COLOURS)
    assert np.array_equal(picture(an_image(_COLOURS)), _COLOURS)


def test_ybr_full_becomes_what_pillow_makes_of_it() -> None:
    ybr = Image.frombytes("YCbCr", (5, 6), _COLOURS.tobytes())

    drawn = picture(an_image(_COLOURS, PhotometricInterpretation="YBR_FULL"))

    assert np.abs(drawn.astype(int) - np.asarray(ybr.convert("RGB"))).max() <= 1


def test_partial_ranges_become_whole() -> None:
    values = np.array([[[16, 128, 128], [235, 128, 128]]], np.uint8)
    dataset = an_image(np.repeat(values, 2, axis=0), PhotometricInterpretation="YBR_PARTIAL_420")

    assert picture(dataset)[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(("bits", "top"), [(16, 65535), (12, 4095), (10, 1023)])
def test_colours_of_more_bits_become_8(bits: int, top: int) -> None:
    values = np.array([[[0, top // 2, top]]], np.uint16)

    drawn = picture(an_image(values, BitsStored=bits, HighBit=bits - 1))

    assert drawn.tolist() == [[[0, 127, 255]]]


@pytest.mark.parametrize("photometric", ["HSV", "YBR_WHATEVER", "MONOCHROME2"])
def test_other_colours_are_refused(photometric: str) -> None:
    with pytest.raises(NotTranscodable, match="cannot be drawn"):
        picture(an_image(_COLOURS, PhotometricInterpretation=photometric))


def _with_palette(
    values: "np.ndarray[Any, Any]", colours: list[list[int]], bits: int, first: int = 0
) -> Dataset:
    dataset = an_image(values, PhotometricInterpretation="PALETTE COLOR")
    for at, entries in enumerate(np.array(colours).T):
        vr = "SS" if values.dtype.kind == "i" else "US"
        dataset.add_new(0x00281101 + at, vr, [len(entries), first, bits])
        data = entries.astype("<u2" if bits > 8 else "u1").tobytes()
        dataset.add_new(0x00281201 + at, "OW", data + b"\0" * (len(data) % 2))
    return dataset


@pytest.mark.parametrize(
    ("bits", "scale"), [(8, 1), (16, 257), (16, 1)], ids=["8", "16", "8 said to be 16"]
)
def test_a_palette_gives_colours(bits: int, scale: int) -> None:
    colours = [[0, 10, 255], [90, 200, 30]]
    scaled = [[part * scale for part in colour] for colour in colours]

    drawn = picture(_with_palette(np.array([[0, 1, 9]], np.uint8), scaled, bits))

    assert drawn.tolist() == [[colours[0], colours[1], colours[1]]]


def test_a_palette_may_begin_below_zero() -> None:
    values = np.array([[-3, -2, 5]], np.int16)

    drawn = picture(_with_palette(values, [[1, 2, 3], [4, 5, 6]], 8, first=-3))

    assert drawn.tolist() == [[[1, 2, 3], [4, 5, 6], [4, 5, 6]]]


def test_a_palette_may_come_in_segments() -> None:
    dataset = an_image(np.array([[0, 2, 4]], np.uint8), PhotometricInterpretation="PALETTE COLOR")
    for at in range(3):
        dataset.add_new(0x00281101 + at, "US", [5, 0, 16])
        segments = np.array([0, 1, 0, 1, 4, 65535 if at == 0 else 0], "<u2")
        dataset.add_new(0x00281221 + at, "OW", segments.tobytes())

    assert picture(dataset).tolist() == [[[0, 0, 0], [128, 0, 0], [255, 0, 0]]]


def test_a_palette_that_is_missing_is_an_error() -> None:
    with pytest.raises(NotTranscodable, match="no usable palette"):
        picture(an_image(np.zeros((2, 2), np.uint8), PhotometricInterpretation="PALETTE COLOR"))


def test_a_supplemental_palette_colours_what_lies_in_it() -> None:
    dataset = _with_palette(
        np.array([[0, 99, 100, 101]], np.uint16), [[9, 8, 7], [6, 5, 4]], 8, 100
    )
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelPresentation = "COLOR"
    dataset.WindowCenter, dataset.WindowWidth = 50, 100

    assert picture(dataset).tolist() == [[[0] * 3, [255] * 3, [9, 8, 7], [6, 5, 4]]]


def _file(space: ColourSpace, stored: bytes | None, kind: PictureType = PictureType.PNG) -> Any:
    rendering = Rendering(kind, colour_space=space)
    return Image.open(io.BytesIO(written(_COLOURS, rendering, Captions(), stored)))


def test_no_profile_goes_out_unless_asked_for() -> None:
    assert "icc_profile" not in _file(ColourSpace.NO, profile(ColourSpace.ADOBE_RGB)).info


@pytest.mark.parametrize("kind", [PictureType.JPEG, PictureType.PNG])
def test_the_profile_of_the_data_set_goes_with_its_colours(kind: PictureType) -> None:
    stored = profile(ColourSpace.ADOBE_RGB)

    opened = _file(ColourSpace.YES, stored, kind)

    assert opened.info["icc_profile"] == stored


def test_without_a_profile_colours_are_srgb() -> None:
    opened = _file(ColourSpace.YES, None)

    assert opened.info["icc_profile"] == profile(ColourSpace.SRGB)
    assert np.array_equal(np.asarray(opened), _COLOURS)


@pytest.mark.parametrize(
    "space",
    [ColourSpace.SRGB, ColourSpace.ADOBE_RGB, ColourSpace.ROMM_RGB, ColourSpace.DISPLAY_P3],
)
def test_colours_move_into_a_space_and_back(space: ColourSpace) -> None:
    opened = _file(space, None)
    back = ImageCms.profileToProfile(
        opened,
        ImageCms.ImageCmsProfile(io.BytesIO(opened.info["icc_profile"])),
        ImageCms.ImageCmsProfile(io.BytesIO(profile(ColourSpace.SRGB))),
    )

    difference = np.abs(np.asarray(back).astype(int) - _COLOURS)
    assert np.percentile(difference, 90) <= 3
    assert (space is ColourSpace.SRGB) == np.array_equal(np.asarray(opened), _COLOURS)


@pytest.mark.parametrize("stored", [b"", b"junk", bytes(200)])
def test_a_profile_that_is_none_is_left_out(stored: bytes) -> None:
    assert _file(ColourSpace.YES, stored).info["icc_profile"] == profile(ColourSpace.SRGB)


def test_a_profile_of_another_kind_is_left_out() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    assert _file(ColourSpace.YES, lab).info["icc_profile"] == profile(ColourSpace.SRGB)
