"""Rendered instances as the Azure DICOM service gives them: section 3.5 of its description."""

import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

ROOT = "1.2.826.0.1.3680043.10.33"
FRAMES, BARE, BROKEN, UNKNOWN = range(1, 5)


def path(version: str, number: int, resource: str = "rendered") -> str:
    uid = f"{ROOT}.{number}"
    return f"{version}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/{resource}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    def image(number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        return np.random.default_rng(number).integers(0, 256, (16, 12), np.uint8)

    kept = []
    for number in (FRAMES, BARE, BROKEN):
        uid = f"{ROOT}.{number}"
        dataset = an_image(
            image(number),
            StudyInstanceUID=uid,
            SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.1",
        )
        syntax = "1.2.840.10008.1.2.1"
        if number == FRAMES:
            dataset.NumberOfFrames = 2
            dataset.RepresentativeFrameNumber = 2
            dataset.PixelData = bytes(16 * 12) + image(number).tobytes()
        elif number == BARE:
            del dataset.PixelData
        else:
            dataset.PixelData = encapsulate([b"no codestream at all"])
            dataset["PixelData"].is_undefined_length = True
            syntax = JPEG2000Lossless
        if "PixelData" in dataset:
            dataset["PixelData"].VR = "OB"
        kept.append(part10(dataset, syntax))
    with ServedDicomWeb(tmp_path_factory.mktemp("azure-rendered")) as server:
        server.keep(*kept)
        yield server


@pytest.fixture(params=["/v1", "/v2"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="image/jpeg") as client:
        yield client


@pytest.mark.azure("3.1-rendered", "3.5-instance")
@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_an_instance_is_seen_in_its_first_frame(
    client: httpx.Client, version: str, form: str
) -> None:
    response = client.get(path(version, FRAMES), headers={"Accept": f"image/{form}"})

    assert response.status_code == 200
    assert response.headers["content-type"] == f"image/{form}"
    assert "etag" not in response.headers
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.size) == (form.upper(), (12, 16))
        assert not np.asarray(image).any()


@pytest.mark.azure("3.5-frame")
def test_a_frame_is_seen_by_its_number(client: httpx.Client, version: str) -> None:
    url = path(version, FRAMES, "frames/2/rendered")

    with Image.open(io.BytesIO(client.get(url).content)) as image:
        assert np.asarray(image).any()


@pytest.mark.azure("3.5-quality")
def test_quality_is_100_unless_it_is_asked_for(client: httpx.Client, version: str) -> None:
    url = path(version, FRAMES, "frames/2/rendered")
    sizes = [
        len(client.get(url, params=params).content)
        for params in ({}, {"quality": 100}, {"quality": 50}, {"quality": 1})
    ]

    assert sizes[0] == sizes[1] > sizes[2] > sizes[3]


@pytest.mark.azure("3.5-quality", "3.8-400")
@pytest.mark.parametrize("quality", ["0", "101", "-1", "x", "", "1.5"])
def test_a_quality_that_is_none_is_a_bad_request(
    client: httpx.Client, version: str, quality: str
) -> None:
    assert client.get(path(version, FRAMES), params={"quality": quality}).status_code == 400


@pytest.mark.azure("3.5-accept")
@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "image/*",
        "image/gif",
        "image/jpeg, image/png",
        "application/dicom",
        "",
        "nonsense",
        'multipart/related; type="image/jpeg"',
    ],
)
def test_any_other_accept_is_not_acceptable(
    client: httpx.Client, version: str, accept: str
) -> None:
    response = client.get(path(version, FRAMES), headers={"Accept": accept})

    assert (response.status_code, response.content) == (406, b"")


@pytest.mark.azure("3.5-no-parameters")
def test_other_parameters_are_not_read(client: httpx.Client, version: str) -> None:
    plain = client.get(path(version, FRAMES, "frames/2/rendered"))
    asked = {"window": "nonsense", "viewport": "1,1", "annotation": "x", "accept": "image/png"}

    again = client.get(path(version, FRAMES, "frames/2/rendered"), params=asked)

    assert again.content == plain.content


@pytest.mark.azure("3.5-404", "3.5-406", "3.5-no-others")
@pytest.mark.parametrize(
    ("number", "resource", "status"),
    [
        (UNKNOWN, "rendered", 404),
        (BARE, "rendered", 404),
        (BROKEN, "rendered", 406),
        (FRAMES, "frames/3/rendered", 404),
        (FRAMES, "frames/0/rendered", 400),
        (FRAMES, "frames/1,2/rendered", 400),
        (FRAMES, "frames/x/rendered", 400),
        (FRAMES, "thumbnail", 404),
        (FRAMES, "frames/1/thumbnail", 404),
    ],
)
def test_what_cannot_be_had_says_so(
    client: httpx.Client, version: str, number: int, resource: str, status: int
) -> None:
    assert client.get(path(version, number, resource)).status_code == status


@pytest.mark.azure("3.5-no-others")
def test_studies_and_series_are_not_rendered(client: httpx.Client, version: str) -> None:
    study = f"{version}/studies/{ROOT}.{FRAMES}"

    for resource in ("rendered", "thumbnail"):
        assert client.get(f"{study}/{resource}").status_code == 404
        assert client.get(f"{study}/series/{ROOT}.{FRAMES}.1/{resource}").status_code == 404
