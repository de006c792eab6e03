"""Frames in other transfer syntaxes than the stored one, judged by pydicom's decoders."""

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

OCTETS = "application/octet-stream"
MULTIPART = "multipart/related; type="
LITTLE = f"{MULTIPART}{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"
FILES = (
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "emri_small_jpeg_2k_lossless.dcm",
    "emri_small_jpeg_ls_lossless.dcm",
    "rtdose_rle.dcm",
)
DAMAGED = "1.2.826.0.1.3680043.10.13.1"


@cache
def read(name: str) -> pydicom.Dataset:
    dataset = pydicom.dcmread(str(get_testdata_file(name)))
    # Files of the corpus share UIDs.
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        number = 1000 + FILES.index(name)
        setattr(dataset, keyword, f"1.2.826.0.1.3680043.10.13.{number}")
    return dataset


def samples(name: str) -> Any:
    dataset = read(name)
    return dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)


def path(name: str, frames: str = "1", surface: str = "/dicom-web") -> str:
    dataset = read(name)
    return (
        f"{surface}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}/frames/{frames}"
    )


def damaged() -> bytes:
    dataset = a_dataset(
        StudyInstanceUID=DAMAGED, SeriesInstanceUID=DAMAGED, SOPInstanceUID=DAMAGED, Rows=3,
        Columns=4, BitsStored=8, HighBit=7, PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2", PixelData=encapsulate([b"no codestream"]),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, JPEGLSLossless)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    held = {"held_frames_bytes": 50_000}
    folder: Path = tmp_path_factory.mktemp("transcoded")
    with ServedDicomWeb(folder, retrieve=held) as server:
        files = []
        for name in FILES:
            file = io.BytesIO()
            read(name).save_as(file)
            files.append(file.getvalue())
        server.keep(*files, damaged())
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=LITTLE) as client:
        yield client


def syntax_of(response: httpx.Response) -> str:
    (only,) = {head["Content-Type"].rpartition("=")[2] for head, _ in parts(response)}
    return str(only)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("accept", [LITTLE, f"{MULTIPART}{OCTETS}"])
def test_frames_are_decoded_when_little_endian_is_asked_for(
    client: httpx.Client, name: str, accept: str
) -> None:
    expected = samples(name)
    count = min(len(expected), 3)

    response = client.get(
        path(name, ",".join(str(n + 1) for n in range(count))), headers={"Accept": accept}
    )

    assert response.status_code == 200, response.text
    assert syntax_of(response) == ExplicitVRLittleEndian
    for (_, body), frame in zip(parts(response), expected, strict=False):
        assert body == frame.astype(frame.dtype.newbyteorder("<")).tobytes()


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_bigendian.dcm"])
@pytest.mark.parametrize(
    ("media_type", "syntax"),
    [
        ("image/jls", JPEGLSLossless),
        ("image/jp2", JPEG2000Lossless),
        ("image/jphc", HTJ2KLossless),
        ("image/jpeg", JPEGLosslessSV1),
        ("image/dicom-rle", RLELossless),
    ],
)
def test_frames_are_encoded_without_loss(
    client: httpx.Client, name: str, media_type: str, syntax: str
) -> None:
    response = client.get(path(name), headers={"Accept": f"{MULTIPART}{media_type}"})

    assert response.status_code == 200, response.text
    assert syntax_of(response) == syntax
    ((_, body),) = parts(response)
    dataset = a_dataset()
    dataset.update({element.tag: element for element in read(name) if element.tag.group == 0x28})
    dataset.PixelData = encapsulate([body])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    decoded = pydicom.dcmread(io.BytesIO(part10(dataset, syntax))).pixel_array
    assert np.array_equal(decoded, samples(name)[0])


def test_what_is_held_has_a_length_and_ranges_and_what_is_more_streams(
    client: httpx.Client,
) -> None:
    name = "emri_small_jpeg_2k_lossless.dcm"
    few, many = path(name, "1,2"), path(name, ",".join(str(n) for n in range(1, 11)) + ",1,2,3,4")

    held = client.get(few)
    streamed = client.get(many, headers={"Range": "bytes=0-9"})

    assert int(held.headers["content-length"]) == len(held.content)
    piece = client.get(few, headers={"Range": "bytes=100-4999"})
    assert (piece.status_code, piece.content) == (206, held.content[100:5000])
    assert client.head(few).headers["content-length"] == held.headers["content-length"]
    assert streamed.status_code == 200
    assert "content-length" not in streamed.headers
    assert "accept-ranges" not in streamed.headers
    assert [body for _, body in parts(streamed)][:2] == [body for _, body in parts(held)]
    assert len(parts(streamed)) == 14


def test_a_transcoded_frame_can_be_revalidated(client: httpx.Client) -> None:
    first = client.get(path("MR_small_RLE.dcm"))
    etag = first.headers["etag"]

    again = client.get(path("MR_small_RLE.dcm"), headers={"If-None-Match": etag})
    stored = client.get(
        path("MR_small_RLE.dcm"),
        headers={"If-None-Match": etag, "Accept": f"{MULTIPART}{OCTETS}; transfer-syntax=*"},
    )

    assert again.status_code == 304
    assert stored.status_code == 200


def test_a_lossy_syntax_is_not_made_unless_a_setting_allows_it(client: httpx.Client) -> None:
    accept = f"{MULTIPART}image/jpeg; transfer-syntax={JPEGBaseline8Bit}"

    refused = client.get(path("MR_small.dcm"), headers={"Accept": accept})
    left_open = client.get(path("MR_small.dcm"), headers={"Accept": f"{accept}; transfer-syntax=*"})

    assert refused.status_code == 406
    assert syntax_of(left_open) == ExplicitVRLittleEndian


def test_a_frame_that_is_none_is_given_as_stored_and_not_decoded(client: httpx.Client) -> None:
    url = f"studies/{DAMAGED}/series/{DAMAGED}/instances/{DAMAGED}/frames/1"
    stored = {"Accept": f"{LITTLE}, */*; q=0.1"}

    assert client.get(f"/dicom-web/{url}").status_code == 422
    assert client.get(f"/v2/{url}").status_code == 406
    ((_, body),) = parts(client.get(f"/dicom-web/{url}", headers=stored))
    assert body == b"no codestream\0"


@pytest.mark.parametrize("surface", ["/v1", "/v2"])
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_bigendian.dcm"])
def test_azure_transcodes_to_little_endian_and_jpeg_2000(
    client: httpx.Client, surface: str, name: str
) -> None:
    little = client.get(path(name, surface=surface))
    jp2 = client.get(path(name, surface=surface), headers={"Accept": f'{MULTIPART}"image/jp2"'})

    expected = samples(name)[0]
    ((_, body),) = parts(little)
    assert body == expected.astype(expected.dtype.newbyteorder("<")).tobytes()
    assert syntax_of(jp2) == JPEG2000Lossless
    assert read("MR_small_bigendian.dcm").file_meta.TransferSyntaxUID == ExplicitVRBigEndian


def test_dicomweb_client_gets_the_media_type_it_asks_for(server: ServedDicomWeb) -> None:
    dataset = read("MR_small_RLE.dcm")
    client = DICOMwebClient(f"{server.url}/dicom-web")
    uids = (dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID)

    (raw,) = client.retrieve_instance_frames(*uids, [1], media_types=(OCTETS,))
    (jp2,) = client.retrieve_instance_frames(
        *uids, [1], media_types=(("image/jp2", JPEG2000Lossless),)
    )

    assert raw == samples("MR_small_RLE.dcm")[0].astype("<i2").tobytes()
    assert jp2.startswith(b"\xff\x4f\xff\x51")


@pytest.mark.parametrize(
    ("keyword", "kind"), [("FloatPixelData", "<f4"), ("DoubleFloatPixelData", "<f8")]
)
@pytest.mark.parametrize(
    "stored",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian],
)
def test_floating_point_pixels_are_given_as_they_are_and_never_encoded(
    server: ServedDicomWeb, client: httpx.Client, keyword: str, kind: str, stored: UID
) -> None:
    values = np.linspace(0, 1, 16, dtype=kind)
    uid = f"{DAMAGED}.{values.itemsize}.{len(stored)}"
    dataset = a_dataset(
        StudyInstanceUID=uid, SeriesInstanceUID=uid, SOPInstanceUID=uid, Rows=4, Columns=4,
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=8 * values.itemsize,
    )  # fmt: skip
    setattr(dataset, keyword, values.tobytes())
    server.keep(part10(dataset, stored))
    url = f"/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/frames/1"

    native = client.get(url, headers={"Accept": OCTETS})
    refused = [
        client.get(url, headers={"Accept": f"{MULTIPART}{OCTETS}; transfer-syntax={syntax}"})
        for syntax in (RLELossless, JPEG2000Lossless)
    ]

    assert native.content == values.tobytes()
    assert [each.status_code for each in refused] == [406, 406]
    assert "floating point" in refused[0].text
