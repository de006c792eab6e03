"""Drawn frames beside DCMTK's `dcmj2pnm`, which is another implementation of PS3.4 N.2.

A level of 255 may differ by one: DCMTK cuts fractions off where here they are rounded.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum.domain.presentation import Rendering, VoiFunction, Window
from hilum.imaging.decoding import syntax_of
from hilum.imaging.presenting import picture_of
from hilum.imaging.syntaxes import Codec
from tests.corpus import corpus_id
from tests.instances import part10
from tests.unit.imaging.oracle import frames_of, images, pixels_of
from tests.unit.imaging.shown import LIMITS, a_table, an_image, by_dcmtk, display_in, picture

pytestmark = [
    pytest.mark.peer("DCMTK"),
    pytest.mark.skipif(
        shutil.which("dcmj2pnm") is None,
        reason="DCMTK is not here: run scripts/services install",
    ),
]
_LEVELS = 1
_YBR_LEVELS = 2
"""DCMTK's conversion of uncompressed YBR_FULL is in whole numbers."""
_NOT_READ = "DCMTK does not read it"
_OTHER_WORDS = "DCMTK takes samples of 32 bits in big endian for words of 16"
_NOT_COMPARED = {
    "MR_truncated.dcm": "it has no complete frame",
    "badVR.dcm": "its NumberOfFrames is no number",
    "SC_rgb_32bit.dcm": _NOT_READ,
    "SC_rgb_32bit_2frame.dcm": _NOT_READ,
    "SC_rgb_expb_32bit.dcm": _NOT_READ,
    "SC_rgb_expb_32bit_2frame.dcm": _NOT_READ,
    "SC_rgb_jpeg.dcm": _NOT_READ,
    "gdcm-US-ALOKA-16.dcm": _NOT_READ,
    "gdcm-US-ALOKA-16_big.dcm": _NOT_READ,
    "eCT_Supplemental.dcm": "DCMTK has no supplemental palettes",
    "rtdose_expb.dcm": _OTHER_WORDS,
    "rtdose_expb_1frame.dcm": _OTHER_WORDS,
}
"""Files whose pictures are not compared, and why."""
_NO_DECODER = {Codec.JPEG_2000, Codec.JPEG_LS, Codec.HTJ2K}
"""What `dcmj2pnm` has no decoder for."""
_FILES = [
    (path, dataset)
    for path, dataset in images()
    if path.name not in _NOT_COMPARED
    and syntax_of(next(frames_of(dataset))).codec not in _NO_DECODER
]
_WORDS = np.random.default_rng(4).integers(0, 4096, (40, 30), np.uint16)
_SIGNED = np.random.default_rng(5).integers(-2048, 2048, (40, 30)).astype(np.int16)


@pytest.mark.parametrize(("path", "dataset"), _FILES, ids=[corpus_id(path) for path, _ in _FILES])
def test_a_frame_looks_as_dcmtk_draws_it(path: Path, dataset: Dataset) -> None:
    frame = next(frames_of(dataset))
    display = display_in(path.read_bytes())
    pixels = pixels_of(dataset)
    options: tuple[str, ...] = ()
    if pixels.photometric_interpretation.startswith("MONOCHROME"):
        if display.voi_tables:
            options = ("+Wl", "1")
        elif display.windows:
            options = ("+Wi", "1")
        elif pixels.bits_stored != 8:
            options = ("+Wm",)
    expected = by_dcmtk(path, *options)
    assert expected is not None

    drawn = picture_of(frame, display, Rendering(), LIMITS)

    is_ybr = pixels.photometric_interpretation.startswith("YBR")
    _demand_alike(drawn, expected, _YBR_LEVELS if is_ybr else _LEVELS)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2.5, -1024), (0.25, 300), (-1, 50)])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0, 1), (-500.5, 1500), (3000, 10000)])
@pytest.mark.parametrize("function", [VoiFunction.LINEAR, VoiFunction.SIGMOID])
def test_a_window_is_applied_as_dcmtk_does(
    tmp_path: Path,
    signed: bool,
    photometric: str,
    slope: float,
    intercept: float,
    center: float,
    width: float,
    function: VoiFunction,
) -> None:
    dataset = an_image(
        _SIGNED if signed else _WORDS,
        PhotometricInterpretation=photometric,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        RescaleType="US",
    )
    if slope == 0.25:  # DCMTK makes whole numbers of rescaled values: seen in narrow windows
        width = max(width, 1500)
    flag = "+Wfs" if function is VoiFunction.SIGMOID else "+Wfl"

    drawn = picture(dataset, Rendering(window=Window(center, width, function)))

    expected = _drawn_by_dcmtk(dataset, tmp_path, "+Ww", str(center), str(width), flag)
    _demand_alike(drawn, expected, _LEVELS)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("first", [0, 500, -700])
def test_tables_are_applied_as_dcmtk_does(tmp_path: Path, bits: int, first: int) -> None:
    top = (1 << bits) - 1
    entries = (np.linspace(0, 1, 1000) ** 2 * top).astype(np.uint16)
    dataset = an_image(_SIGNED)
    dataset.VOILUTSequence = Sequence([a_table(entries, first, bits)])

    drawn = picture(dataset)

    expected = _drawn_by_dcmtk(dataset, tmp_path, "+Wl", "1")
    _demand_alike(drawn, expected, _LEVELS)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_modality_table_and_a_window_are_applied_as_dcmtk_does(tmp_path: Path, bits: int) -> None:
    entries = np.linspace((1 << bits) - 1, 0, 3000).astype(np.uint16)
    dataset = an_image(_SIGNED)
    table = a_table(entries, -1500, bits)
    table.ModalityLUTType = "US"
    dataset.ModalityLUTSequence = Sequence([table])
    dataset.WindowCenter, dataset.WindowWidth = (1 << bits) / 2, (1 << bits) / 3

    drawn = picture(dataset)

    expected = _drawn_by_dcmtk(dataset, tmp_path, "+Wi", "1")
    _demand_alike(drawn, expected, _LEVELS)


@pytest.mark.parametrize("origin", [(1, 1), (5, 7), (-3, -2), (38, 28)])
def test_an_overlay_is_drawn_as_dcmtk_does(tmp_path: Path, origin: tuple[int, int]) -> None:
    dataset = an_image(_WORDS, WindowCenter=2048, WindowWidth=4096)
    plane = np.random.default_rng(6).integers(0, 2, (13, 11), np.uint8)
    dataset.add_new(0x60000010, "US", 13)
    dataset.add_new(0x60000011, "US", 11)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", list(origin))
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    packed = np.packbits(plane.reshape(-1), bitorder="little").tobytes()
    dataset.add_new(0x60003000, "OW", packed + b"\0" * (len(packed) % 2))

    drawn = picture(dataset)

    _demand_alike(drawn, _drawn_by_dcmtk(dataset, tmp_path, "+Wi", "1"), _LEVELS)


def _drawn_by_dcmtk(dataset: Dataset, folder: Path, *options: str) -> "np.ndarray[Any, Any]":
    file = folder / "image.dcm"
    file.write_bytes(part10(dataset))
    drawn = by_dcmtk(file, *options)
    assert drawn is not None
    return drawn


def _demand_alike(
    drawn: "np.ndarray[Any, Any]", expected: "np.ndarray[Any, Any]", levels: int
) -> None:
    assert drawn.shape == expected.shape
    assert np.abs(drawn.astype(int) - expected).max() <= levels
