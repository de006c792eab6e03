"""Whole instances that were put into another transfer syntax, read by DCMTK."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.unit.catalogue.transcoded import put_into
from tests.unit.imaging.oracle import (
    HTJ2K,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    LITTLE,
    RLE,
)

pytestmark = [
    pytest.mark.peer("DCMTK"),
    pytest.mark.skipif(
        shutil.which("dcmftest") is None,
        reason="DCMTK is not here: run scripts/services install",
    ),
]

FILES = (
    "MR_small_bigendian.dcm",
    "SC_rgb_small_odd.dcm",
    "OBXXXX1A_2frame.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "image_dfl.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
)
DECODERS = {JPEG_LOSSLESS: "dcmdjpeg", JPEG_LS: "dcmdjpls", RLE: "dcmdrle", LITTLE: "dcmconv"}


def a_file(name: str) -> bytes:
    return Path(str(get_testdata_file(name))).read_bytes()


def run(program: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [program, *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout + done.stderr


def pairs() -> list[tuple[str, str]]:
    """Files and targets, without those that are stored so: they are given byte for byte."""
    targets = (*DECODERS, JPEG_2000, HTJ2K)
    return [
        (name, target)
        for name in FILES
        for target in targets
        if pydicom.dcmread(str(get_testdata_file(name))).file_meta.TransferSyntaxUID != target
    ]


@pytest.mark.parametrize(("name", "target"), pairs())
async def test_dcmtk_reads_the_file_and_decodes_the_same_pixels(
    name: str, target: str, tmp_path: Path
) -> None:
    original = pydicom.dcmread(str(get_testdata_file(name)))
    made, decoded = tmp_path / "made.dcm", tmp_path / "decoded.dcm"

    made.write_bytes(await put_into(a_file(name), target))

    assert run("dcmftest", made).startswith("yes")
    dumped = run("dcmdump", "+Ep", made)
    assert not [line for line in dumped.splitlines() if line.startswith(("E:", "W:"))]
    if target in DECODERS:
        run(DECODERS[target], made, decoded)
        assert np.array_equal(pydicom.dcmread(decoded).pixel_array, original.pixel_array)
