"""Frames as the Azure DICOM service gives them: sections 3.1 to 3.3 and 3.8 of its description."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

VERSIONS = ("/v1", "/v2")
ROOT = "1.2.826.0.1.3680043.10.12"
OCTETS = "application/octet-stream"
MULTIPART = f'multipart/related; type="{OCTETS}"'
ORIGINAL = f"{MULTIPART}; transfer-syntax=*"
LITTLE = f"{MULTIPART}; transfer-syntax={ExplicitVRLittleEndian}"
JP2 = 'multipart/related; type="image/jp2"'
WORDS = np.arange(2 * 12, dtype="<u2")
CODESTREAMS = [b"codestream 1", b"codestream 2 "]
EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG_2000, JPEG_LS, NO_PIXELS, UNKNOWN = range(1, 8)


def an_image(number: int, syntax: str, pixels: bytes, **elements: Any) -> bytes:
    dataset = a_dataset(
        StudyInstanceUID=f"{ROOT}.{number}", SeriesInstanceUID=f"{ROOT}.{number}.1",
        SOPInstanceUID=f"{ROOT}.{number}.1.1", Rows=3, Columns=4, NumberOfFrames=2,
        BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2", PixelData=pixels, **elements,
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    if syntax in {JPEG2000Lossless, JPEGLSLossless}:
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def path(version: str, number: int, frames: str = "1") -> str:
    uid = f"{ROOT}.{number}"
    return f"{version}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/{frames}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("azure-frames")) as server:
        bare = a_dataset(
            StudyInstanceUID=f"{ROOT}.{NO_PIXELS}",
            SeriesInstanceUID=f"{ROOT}.{NO_PIXELS}.1",
            SOPInstanceUID=f"{ROOT}.{NO_PIXELS}.1.1",
        )
        server.keep(
            an_image(EXPLICIT, ExplicitVRLittleEndian, WORDS.tobytes()),
            an_image(IMPLICIT, ImplicitVRLittleEndian, WORDS.tobytes()),
            an_image(BIG_ENDIAN, ExplicitVRBigEndian, WORDS.astype(">u2").tobytes()),
            an_image(JPEG_2000, JPEG2000Lossless, encapsulate(CODESTREAMS)),
            an_image(JPEG_LS, JPEGLSLossless, encapsulate(CODESTREAMS)),
            part10(bare),
            an_image(UNKNOWN, JPEGLSLossless, encapsulate(CODESTREAMS[:1])),
        )
        yield server


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=ORIGINAL) as client:
        yield client


def bodies(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text
    return [body for _, body in parts(response)]


def part_type(response: httpx.Response) -> str:
    (only,) = {head["Content-Type"] for head, _ in parts(response)}
    return str(only)


@pytest.mark.azure(
    "3.1-frames-octets",
    "3.1-frames-any",
    "3.1-type-quoted",
    "3.1-multipart-headers",
    "3.3-list",
    "3.3-encapsulated",
)
@pytest.mark.parametrize("accept", [ORIGINAL, "*/*", ORIGINAL.replace('"', "")])
@pytest.mark.parametrize(
    ("number", "syntax", "frames"),
    [
        (EXPLICIT, ExplicitVRLittleEndian, [WORDS[:12].tobytes(), WORDS[12:].tobytes()]),
        (IMPLICIT, ImplicitVRLittleEndian, [WORDS[:12].tobytes(), WORDS[12:].tobytes()]),
        (
            BIG_ENDIAN,
            ExplicitVRBigEndian,
            [WORDS[:12].astype(">u2").tobytes(), WORDS[12:].astype(">u2").tobytes()],
        ),
        (JPEG_2000, JPEG2000Lossless, [CODESTREAMS[0], CODESTREAMS[1] + b"\0"]),
        (JPEG_LS, JPEGLSLossless, [CODESTREAMS[0], CODESTREAMS[1] + b"\0"]),
    ],
)
def test_a_star_gives_the_stored_bytes_as_octets(
    client: httpx.Client, version: str, accept: str, number: int, syntax: str, frames: list[bytes]
) -> None:
    response = client.get(path(version, number, "2,1"), headers={"Accept": accept})

    assert bodies(response) == frames[::-1]
    assert part_type(response) == f"{OCTETS}; transfer-syntax={syntax}"


@pytest.mark.azure("3.1-frames-octets")
@pytest.mark.parametrize("number", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("accept", [MULTIPART, LITTLE, f"{LITTLE}, {JP2};q=0.5"])
def test_explicit_little_endian_is_the_default(
    client: httpx.Client, version: str, number: int, accept: str
) -> None:
    response = client.get(path(version, number, "1,2"), headers={"Accept": accept})

    assert bodies(response) == [WORDS[:12].tobytes(), WORDS[12:].tobytes()]
    assert part_type(response) == f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"


@pytest.mark.azure("3.1-frames-jp2")
@pytest.mark.parametrize("accept", [JP2, f"{JP2}; transfer-syntax={JPEG2000Lossless}"])
def test_jpeg_2000_goes_out_as_such(client: httpx.Client, version: str, accept: str) -> None:
    response = client.get(path(version, JPEG_2000, "1"), headers={"Accept": accept})

    assert bodies(response) == [CODESTREAMS[0]]
    assert part_type(response) == f"image/jp2; transfer-syntax={JPEG2000Lossless}"


@pytest.mark.azure("3.1-frames-single", "3.8-400")
def test_one_frame_may_be_a_single_part_and_several_may_not(
    client: httpx.Client, version: str
) -> None:
    accept = {"Accept": f"{OCTETS}; transfer-syntax=*"}

    one = client.get(path(version, IMPLICIT, "2"), headers=accept)
    several = client.get(path(version, IMPLICIT, "1,2"), headers=accept)

    assert one.headers["content-type"] == f"{OCTETS}; transfer-syntax={ImplicitVRLittleEndian}"
    assert one.content == WORDS[12:].tobytes()
    assert several.status_code == 400


@pytest.mark.azure("3.1-missing", "3.1-unknown-syntax")
@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom",
        "image/jp2",
        "image/jpeg",
        'multipart/related; type="image/jls"',
        'multipart/related; type="image/jpeg"',
        'multipart/related; type="*/*"',
        "multipart/related",
        f"{MULTIPART}; transfer-syntax={JPEGLSLossless}",
        f"{MULTIPART}; transfer-syntax={JPEG2000Lossless}",
        f"{JP2}; transfer-syntax=*",
        f"{OCTETS}; transfer-syntax={ImplicitVRLittleEndian}",
    ],
)
def test_nothing_beside_the_matrix_is_acceptable(
    client: httpx.Client, version: str, accept: str
) -> None:
    for number in (EXPLICIT, JPEG_LS):
        response = client.get(path(version, number), headers={"Accept": accept})

        assert response.status_code == 406
        assert response.content == b""


@pytest.mark.azure("3.1-missing", "3.7-accept-parameter")
def test_an_accept_header_is_needed_and_the_parameter_does_not_count(
    client: httpx.Client, version: str
) -> None:
    url = f"{path(version, EXPLICIT)}?accept={OCTETS}"
    request = client.build_request("GET", url)
    del request.headers["accept"]

    assert client.send(request).status_code == 406
    assert client.get(url, headers={"Accept": "image/png"}).status_code == 406


@pytest.mark.azure("3.3-bad-number", "3.3-beyond", "3.8-400", "3.8-404")
@pytest.mark.parametrize(
    ("frames", "status"),
    [("0", 400), ("-1", 400), ("x", 400), ("1.0", 400), ("1,", 400), ("3", 404), ("1,3", 404)],
)
def test_frame_lists_that_name_no_frames(
    client: httpx.Client, version: str, frames: str, status: int
) -> None:
    assert client.get(path(version, EXPLICIT, frames)).status_code == status


@pytest.mark.azure("3.3-no-pixels", "3.8-404")
def test_frames_that_are_not_there(client: httpx.Client, version: str) -> None:
    assert client.get(path(version, NO_PIXELS)).status_code == 404
    assert client.get(path(version, 99)).status_code == 404
    assert client.get(path(version, UNKNOWN)).status_code == 406


@pytest.mark.azure("3.7-range")
def test_there_are_no_ranges_and_no_tags(client: httpx.Client, version: str) -> None:
    response = client.get(path(version, EXPLICIT), headers={"Range": "bytes=0-1"})

    assert bodies(response) == [WORDS[:12].tobytes()]
    assert "etag" not in response.headers
    assert "accept-ranges" not in response.headers
