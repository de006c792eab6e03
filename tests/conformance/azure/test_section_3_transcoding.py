"""What can be had in which form, and what cannot: sections 3.1, 3.2 and 3.7 of the description of
the Azure DICOM service."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    RLELossless,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, a_multipart, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.32"
MULTIPART = {"Content-Type": "multipart/related; boundary=B"}
ELE, JP2 = (
    f"application/dicom; transfer-syntax={uid}"
    for uid in (ExplicitVRLittleEndian, JPEG2000Lossless)
)
SOURCES = {
    "1.2.840.10008.1.2": "MR_small_implicit.dcm",
    "1.2.840.10008.1.2.1": "SC_rgb_small_odd.dcm",
    "1.2.840.10008.1.2.2": "SC_rgb_small_odd_big_endian.dcm",
    "1.2.840.10008.1.2.4.50": "SC_rgb_small_odd_jpeg.dcm",
    "1.2.840.10008.1.2.4.57": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.70": "SC_rgb_jpeg_gdcm.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.4.91": "JPEG2000.dcm",
    "1.2.840.10008.1.2.5": "SC_rgb_rle.dcm",
}


def a_stored(number: int, syntax: str) -> bytes:
    """A file of pydicom's in the transfer syntax, as an instance of a study of its own."""
    path = get_testdata_file(SOURCES[syntax])
    dataset = pydicom.dcmread(str(path))
    dataset.StudyInstanceUID = f"{ROOT}.{number}"
    dataset.SeriesInstanceUID = f"{ROOT}.{number}.1"
    dataset.SOPInstanceUID = f"{ROOT}.{number}.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientID = "P-1"
    if dataset.file_meta.TransferSyntaxUID == JPEGLossless.replace("57", "70"):
        # What is lossless by first-order prediction is of the more general process, too.
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


NUMBERS = {syntax: number for number, syntax in enumerate(SOURCES, 1)}
NO_IMAGE = part10(
    a_dataset(
        StudyInstanceUID=f"{ROOT}.99", SeriesInstanceUID=f"{ROOT}.99.1",
        SOPInstanceUID=f"{ROOT}.99.1.1", Rows=None, Columns=None,
    )
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("transcoding")) as server:
        with server.client() as client:
            body = a_multipart(*(a_stored(NUMBERS[each], each) for each in SOURCES), NO_IMAGE)
            stored = client.post("/v1/studies", content=body, headers=MULTIPART)
            assert stored.status_code == 200, stored.text
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def url(number: int, version: str = "/v2") -> str:
    uid = f"{ROOT}.{number}"
    return f"{version}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1"


def pixels(data: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    return pydicom.dcmread(io.BytesIO(data)).pixel_array


@pytest.mark.azure("3.2-sources", "3.2-targets", "3.1-single-headers")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("accept", [ELE, JP2])
def test_every_source_is_given_in_both_targets(
    client: httpx.Client, source: str, accept: str
) -> None:
    number = NUMBERS[source]

    response = client.get(url(number), headers={"Accept": accept})

    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == accept
    given = pydicom.dcmread(io.BytesIO(response.content))
    assert given.file_meta.TransferSyntaxUID == accept.rpartition("=")[2]
    stored = pixels(a_stored(number, source))
    assert given.pixel_array.shape == stored.shape
    if source not in {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91"}:
        assert np.array_equal(given.pixel_array, stored)


@pytest.mark.azure("3.2-no-image", "3.2-failure")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_what_is_no_image_cannot_be_had_in_jpeg_2000(client: httpx.Client, version: str) -> None:
    plain = client.get(url(99, version), headers={"Accept": ELE})
    encoded = client.get(url(99, version), headers={"Accept": JP2})

    assert (plain.status_code, encoded.status_code) == (200, 406)


@pytest.mark.azure("3.1-syntax-quoted")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_the_transfer_syntax_may_be_quoted(client: httpx.Client, version: str) -> None:
    quoted = f'application/dicom; transfer-syntax="{ExplicitVRLittleEndian}"'

    response = client.get(url(1, version), headers={"Accept": quoted})

    assert response.headers["content-type"] == ELE


@pytest.mark.azure("3.3-single-frame", "3.3-list", "3.3-encapsulated")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
@pytest.mark.parametrize("frames", ["1", "1,1", "1%2C1"])
def test_frame_1_of_an_image_without_number_of_frames_is_there(
    client: httpx.Client, version: str, frames: str
) -> None:
    response = client.get(f"{url(1, version)}/frames/{frames}", headers={"Accept": "*/*"})

    stored = pydicom.dcmread(str(get_testdata_file(SOURCES["1.2.840.10008.1.2"])))
    count = 1 + (len(frames) > 1)
    assert [body for _, body in parts(response)] == [stored.PixelData] * count


@pytest.mark.azure("3.1-frames-octets", "3.2-sources")
def test_frames_are_decoded_from_what_they_are_stored_in(client: httpx.Client) -> None:
    number = NUMBERS[RLELossless]
    accept = 'multipart/related; type="application/octet-stream"'

    response = client.get(f"{url(number)}/frames/1", headers={"Accept": accept})

    ((head, body),) = parts(response)
    assert head["Content-Type"].endswith(f"transfer-syntax={ExplicitVRLittleEndian}")
    stored = pixels(a_stored(number, RLELossless))
    assert np.array_equal(np.frombuffer(body, stored.dtype).reshape(stored.shape), stored)


@pytest.mark.azure("3.7-bulkdata", "3.7-uri", "3.7-xml")
@pytest.mark.parametrize("version", ["/v1", "/v2"])
def test_what_that_service_does_not_offer_is_not_there(client: httpx.Client, version: str) -> None:
    uid = f"{ROOT}.1"
    wado = f"requestType=WADO&studyUID={uid}&seriesUID={uid}.1&objectUID={uid}.1.1"
    everything = {"Accept": "*/*"}
    xml = {"Accept": 'multipart/related; type="application/dicom+xml"'}

    assert client.get(f"{url(1, version)}/bulkdata/7FE00010", headers=everything).status_code == 404
    assert client.get(f"{url(1, version)}/bulkdata", headers=everything).status_code == 404
    assert client.get(f"{version}/wado?{wado}", headers=everything).status_code == 404
    assert client.get(f"{url(1, version)}/metadata", headers=xml).status_code == 406
    assert client.get(f"{version}/studies", headers=xml).status_code == 406
