"""Frames beside DCMTK's decoders: what others stored, and what was encoded here."""

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, TranscodedFrame
from hilum.imaging.decoding import decode
from hilum.imaging.transcoding import transcode
from tests.corpus import corpus_id
from tests.unit.imaging.oracle import (
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
    ROOM,
    frames_of,
    images,
    pixels_of,
)
from tests.unit.imaging.test_round_trips import described, native

pytestmark = [
    pytest.mark.peer("DCMTK"),
    pytest.mark.skipif(
        shutil.which("dcmdjpeg") is None,
        reason="DCMTK is not here: run scripts/services install",
    ),
]

_DECODERS = {
    **dict.fromkeys(("4.50", "4.51", "4.57", "4.70"), "dcmdjpeg"),
    **dict.fromkeys(("4.80", "4.81"), "dcmdjpls"),
    "5": "dcmdrle",
}
_NOT_TAKEN = {"SC_rgb_jpeg.dcm"}
"""DCMTK cannot read its data set."""


def _decoder(uid: str) -> str | None:
    return _DECODERS.get(uid.removeprefix("1.2.840.10008.1.2."))


_FILES = [
    (path, dataset)
    for path, dataset in images()
    if path.name not in _NOT_TAKEN and _decoder(pixels_of(dataset).transfer_syntax_uid)
]


def by_dcmtk(stored: Path, uid: str, folder: Path) -> pydicom.Dataset:
    program, native_file = _decoder(uid), folder / "native.dcm"
    assert program is not None
    subprocess.run([program, stored, native_file], check=True, capture_output=True, timeout=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(native_file, force=True)


@pytest.mark.parametrize(("path", "dataset"), _FILES, ids=[corpus_id(path) for path, _ in _FILES])
def test_stored_frames_decode_as_dcmtk_decodes_them(
    path: Path, dataset: FileDataset, tmp_path: Path
) -> None:
    uid = pixels_of(dataset).transfer_syntax_uid

    theirs = by_dcmtk(path, uid, tmp_path)

    is_exact = uid[17:] not in {".4.50", ".4.51"}
    for stored, native_frame in zip(frames_of(dataset), frames_of(theirs), strict=True):
        ours, expected = decode(stored, ROOM).values, decode(native_frame, ROOM).values
        difference = np.abs(ours.astype(np.int64) - expected)
        assert difference.max() <= (0 if is_exact else 5)
        assert difference.mean() <= (0 if is_exact else 0.2)


def file_of(frame: TranscodedFrame, path: Path) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(frame.pixels.transfer_syntax_uid)
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    dataset = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    pixels = frame.pixels
    dataset.Rows, dataset.Columns = pixels.rows, pixels.columns
    dataset.SamplesPerPixel = pixels.samples_per_pixel
    dataset.PhotometricInterpretation = pixels.photometric_interpretation
    dataset.BitsAllocated, dataset.BitsStored = pixels.bits_allocated, pixels.bits_stored
    dataset.HighBit, dataset.PixelRepresentation = pixels.high_bit, int(pixels.is_signed)
    if pixels.samples_per_pixel > 1:
        dataset.PlanarConfiguration = pixels.planar_configuration
    dataset.PixelData = encapsulate([frame.data])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)


def _case(target: TransferSyntaxUID, bits: int, kind: str, size: tuple[int, int]) -> str:
    return f"{target[18:]} {bits} {kind} {size[0]}x{size[1]}"


_CASES = [
    (target, bits, kind, size)
    for target in (RLE, JPEG_LOSSLESS, JPEG_LS)
    for bits in (8, 12, 16)
    for kind in ("unsigned", "signed", "colour")
    for size in ((1, 1), (7, 5), (64, 48))
    if kind != "colour" or bits != 12
]


@pytest.mark.parametrize(
    ("target", "bits", "kind", "size"), _CASES, ids=[_case(*case) for case in _CASES]
)
def test_dcmtk_reads_what_was_encoded_here(
    target: TransferSyntaxUID, bits: int, kind: str, size: tuple[int, int], tmp_path: Path
) -> None:
    pixels = described(
        rows=size[0],
        columns=size[1],
        samples_per_pixel=3 if kind == "colour" else 1,
        photometric_interpretation="RGB" if kind == "colour" else "MONOCHROME2",
        bits_allocated=8 if bits == 8 else 16,
        bits_stored=bits,
        high_bit=bits - 1,
        is_signed=kind == "signed",
    )
    frame, values = native(pixels, seed=bits)
    stored = tmp_path / "stored.dcm"
    file_of(transcode(frame, target, ROOM), stored)

    theirs = by_dcmtk(stored, target, tmp_path)

    assert theirs.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    (seen,) = frames_of(theirs)
    assert np.array_equal(decode(EncodedFrame(seen.pixels, seen.data), ROOM).values, values)


_WRITERS = [
    *(["dcmcjpeg", "+el", "+sv", str(number)] for number in range(1, 8)),
    ["dcmcjpeg", "+e1"],
    ["dcmcjpls", "+el"],
    ["dcmcjpls", "+el", "+il"],
    ["dcmcjpls", "+en", "+md", "3"],
    ["dcmcrle"],
]
_EXACT = {"+el", "+e1", "dcmcrle"}
_WRITTEN = ["CT_small.dcm", "MR_small.dcm", "vlut_04.dcm", "US1_UNCR.dcm", "examples_rgb_color.dcm"]
_NATIVE = {path.name: (path, dataset) for path, dataset in images() if path.name in _WRITTEN}


# DCMTK refuses near-lossless compression of signed samples, as we do.
_PAIRS = [
    (writer, name)
    for writer in _WRITERS
    for name in _WRITTEN
    if "+en" not in writer or not pixels_of(_NATIVE[name][1]).is_signed
]


@pytest.mark.parametrize(
    ("writer", "name"), _PAIRS, ids=[" ".join((*writer, name)) for writer, name in _PAIRS]
)
def test_what_dcmtk_encodes_is_read_here(writer: list[str], name: str, tmp_path: Path) -> None:
    path, dataset = _NATIVE[name]
    encoded = tmp_path / "encoded.dcm"
    subprocess.run([*writer, path, encoded], check=True, capture_output=True, timeout=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = pydicom.dcmread(encoded, force=True)

    seen = decode(next(frames_of(stored)), ROOM)
    expected = decode(next(frames_of(dataset)), ROOM)

    assert seen.pixels.photometric_interpretation == expected.pixels.photometric_interpretation
    if _EXACT & set(writer):
        assert np.array_equal(seen.values, expected.values)
    else:
        difference = np.abs(seen.values.astype(np.int64) - expected.values)
        assert 0 < difference.max() <= 3
