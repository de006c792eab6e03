"""Every file with pixels that pydicom ships, in other transfer syntaxes, judged by pydicom."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset
from pydicom.pixels import pixel_array

from hilum.domain.errors import NotAcceptable
from hilum.imaging.syntaxes import SYNTAXES, Codec
from tests.corpus import corpus_id
from tests.unit.catalogue.transcoded import beside_pixels, put_into, read
from tests.unit.imaging.oracle import (
    BIG,
    DEFLATED_FRAME,
    HTJ2K,
    HTJ2K_RPCL,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    LITTLE,
    RLE,
    images,
)

pytestmark = pytest.mark.slow

NOT_KEPT = {
    "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm",
    "MR_truncated.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "bad_sequence.dcm",
}
"""Files that are cut short, or that have no UID of a study or series."""
REFUSED = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "too many tiles",
    "SC_rgb_jpeg.dcm": "has VR",
    "badVR.dcm": "Number of Frames is no whole number",
}
ONLY_HERE = {"JPEG-lossy.dcm"}
"""Its SOS parameters are not those of a sequential JPEG: pydicom's decoders do not take it."""
LOSSY_MOST = 5
LOSSY_IMAGE_COMPRESSION = "00282110"
LARGE = {"color3d_jpeg_baseline.dcm"}
FILES = [
    pytest.param(
        path,
        dataset,
        id=corpus_id(path),
        marks=[pytest.mark.slow] if path.name in LARGE else [],
    )
    for path, dataset in images()
    if path.name not in NOT_KEPT and not path.name.startswith("OT-PAL-8")
]
SOME = (
    "MR_small.dcm",
    "SC_rgb_small_odd.dcm",
    "OBXXXX1A_2frame.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "SC_rgb_rle_16bit_2frame.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
)
TARGETS = (DEFLATED_FRAME, RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, HTJ2K, HTJ2K_RPCL)


def a_file(name: str) -> bytes:
    return Path(str(get_testdata_file(name))).read_bytes()


def samples(dataset: Dataset, *, raw: bool = True) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(pixel_array(dataset, raw=raw))


def demand_equal_pixels(result: Dataset, original: FileDataset) -> None:
    syntax = str(original.file_meta.TransferSyntaxUID)
    if SYNTAXES[syntax].codec is Codec.JPEG:
        # pydicom and this archive round differently; so does every decoder.
        found, expected = samples(result), samples(original, raw=False)
        assert np.abs(found.astype(np.int64) - expected).max() <= LOSSY_MOST
    else:
        assert np.array_equal(samples(result), samples(original))


def demand_equal_data_sets(result: Dataset, original: FileDataset) -> None:
    found, expected = beside_pixels(result), beside_pixels(original)
    if original.file_meta.TransferSyntaxUID == BIG:
        # Words have changed their order, and pydicom tells of their bytes.
        for each in (found, expected):
            for tag in [tag for tag, value in each.items() if value["vr"] == "OW"]:
                del each[tag]
    if SYNTAXES[str(original.file_meta.TransferSyntaxUID)].codec is Codec.JPEG:
        assert found.pop(LOSSY_IMAGE_COMPRESSION)["Value"] == ["01"]
        expected.pop(LOSSY_IMAGE_COMPRESSION, None)
    assert found == expected


@pytest.mark.parametrize(("path", "original"), FILES)
async def test_an_instance_goes_there_and_back_without_loss(
    path: Path, original: FileDataset
) -> None:
    data = path.read_bytes()  # noqa: ASYNC240 - nobody else waits in this test
    if path.name in REFUSED:
        with pytest.raises(NotAcceptable, match=REFUSED[path.name]):
            await put_into(data, DEFLATED_FRAME)
        return

    there = await put_into(data, DEFLATED_FRAME)
    back = read(await put_into(there, LITTLE))

    assert read(there).file_meta.TransferSyntaxUID == DEFLATED_FRAME
    assert back.file_meta.TransferSyntaxUID == LITTLE
    named = original.file_meta.MediaStorageSOPInstanceUID
    assert back.file_meta.MediaStorageSOPInstanceUID == named
    demand_equal_data_sets(back, original)
    assert len(back.PixelData) % 2 == 0
    if path.name not in ONLY_HERE:
        demand_equal_pixels(back, original)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", SOME)
async def test_an_instance_is_decoded_by_others_to_the_same_pixels(name: str, target: str) -> None:
    data = a_file(name)
    original = read(data)

    result = read(await put_into(data, target))

    assert result.file_meta.TransferSyntaxUID == target
    assert result["PixelData"].is_undefined_length
    demand_equal_data_sets(result, original)
    if target == DEFLATED_FRAME:  # pydicom has no decoder for it
        result = read(await put_into(await put_into(data, target), LITTLE))
    demand_equal_pixels(result, original)
