"""Frames of every image that pydicom ships, with pydicom as the judge of where they lie."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array

from hilum.domain.instances import Arrival, InMemory, OnConflict, Outcome, StorePolicy
from hilum.domain.origins import Door, Origin
from tests.conformance.multipart import parts
from tests.corpus import corpus, corpus_id, read_by_pydicom
from tests.served_dicomweb import ServedDicomWeb

ORIGINAL = "multipart/related; type=application/octet-stream; transfer-syntax=*"
UNTOLD = {
    "badVR.dcm": "Number of Frames is no whole number",
}
"""Images whose frames cannot be told apart, and why."""
NOT_KEPT = {
    "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm",
    "MR_truncated.dcm",
    "OT-PAL-8-face.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "bad_sequence.dcm",
}
"""Files that are cut short, or that have no UID of a study or series."""


def _images() -> list[Path]:
    found = []
    for path in corpus():
        dataset = read_by_pydicom(path.read_bytes())
        if dataset is None or path.name in NOT_KEPT:
            continue
        if "PixelData" in dataset and "SOPInstanceUID" in dataset:
            found.append(path)
    return found


IMAGES = _images()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("corpus-frames")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=ORIGINAL) as client:
        yield client


def kept(server: ServedDicomWeb, data: bytes) -> Outcome:
    """Hand in one file; files of the corpus share UIDs, so each replaces the one before."""
    policy = StorePolicy("minimal", OnConflict.NEW_VERSION)
    arrival = Arrival(InMemory(data), Origin(Door.IMPORT, "tests"), policy)
    return server.run(server.archive.ingest(arrival))


def frames_by_pydicom(dataset: Dataset, number: int) -> list[bytes]:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(generate_frames(dataset.PixelData, number_of_frames=number))
    if syntax.is_little_endian or dataset["PixelData"].VR == "OB":
        bits = len(dataset.PixelData) * 8
        frame_bits = (
            dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated
        )
        if dataset.PhotometricInterpretation == "YBR_FULL_422" and frame_bits * number > bits:
            frame_bits = frame_bits * 2 // 3
        if frame_bits % 8:
            packed = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
            return [
                np.packbits(
                    packed[frame * frame_bits : (frame + 1) * frame_bits], bitorder="little"
                ).tobytes()
                for frame in range(number)
            ]
        size = frame_bits // 8
        return [dataset.PixelData[frame * size : (frame + 1) * size] for frame in range(number)]
    arrays = [pixel_array(dataset, index=frame, raw=True) for frame in range(number)]
    if dataset.get("PlanarConfiguration", 0) == 1:
        arrays = [array.transpose(2, 0, 1) for array in arrays]
    return [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]


@pytest.mark.parametrize("path", IMAGES, ids=corpus_id)
def test_frames_are_those_that_pydicom_finds(
    server: ServedDicomWeb, client: httpx.Client, path: Path
) -> None:
    data = path.read_bytes()
    outcome = kept(server, data)
    assert outcome.uids is not None, outcome
    uids = outcome.uids
    dataset = pydicom.dcmread(path, force=True)
    number = 1 if path.name in UNTOLD else int(dataset.get("NumberOfFrames") or 1)
    listed = ",".join(str(frame + 1) for frame in range(number))

    response = client.get(
        f"/dicom-web/studies/{uids.study}/series/{uids.series}"
        f"/instances/{uids.sop_instance}/frames/{listed}"
    )

    if path.name in UNTOLD:
        assert response.status_code == 422
        assert UNTOLD[path.name] in response.text
        return
    assert response.status_code == 200, response.text
    assert [body for _, body in parts(response)] == frames_by_pydicom(dataset, number)
    syntaxes = {head["Content-Type"].rpartition("=")[2] for head, _ in parts(response)}
    stored = dataset.file_meta.TransferSyntaxUID
    assert syntaxes == {stored if stored.is_encapsulated else "1.2.840.10008.1.2.1"}
