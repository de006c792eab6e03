"""WADO-URI over the whole server (PS3.18 chapter 9), as older clients use it."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RawDataStorage,
    RLELossless,
)

from tests import reports
from tests.documents import A_PDF, MP4, encapsulated, video
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

ROOT = "1.2.826.0.1.3680043.10.37"
GREY, MOVING, NO_IMAGE, COMPRESSED, UNKNOWN = range(1, 6)
BROWSER = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
_PIXELS = np.random.default_rng(7).integers(-1000, 2000, (64, 48)).astype(np.int16)
PDF, REPORT, VIDEO = encapsulated(A_PDF), reports.report(reports.text_item("Nothing")), video(MP4)
_WITHIN = 1
"""A level of 255 may differ by one: DCMTK cuts fractions off where here they are rounded."""


def uids(number: int) -> dict[str, str]:
    study = f"{ROOT}.{number}"
    return {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.1",
    }


def uri(what: int | Dataset, **parameters: object) -> httpx.URL:
    named = a_dataset(**uids(what)) if isinstance(what, int) else what
    required = {
        "requestType": "WADO",
        "studyUID": named.StudyInstanceUID,
        "seriesUID": named.SeriesInstanceUID,
        "objectUID": named.SOPInstanceUID,
    }
    given = {name: str(value) for name, value in parameters.items()}
    return httpx.URL("/dicom-web/wado", params=required | given)


def grey() -> Dataset:
    return an_image(_PIXELS, **uids(GREY), RescaleSlope=1, RescaleIntercept=0)


def moving() -> Dataset:
    values = np.stack([np.full((8, 6), 50 * at, np.uint8) for at in range(3)])
    dataset = an_image(values[0], **uids(MOVING))
    dataset.NumberOfFrames = 3
    dataset.PixelData = values.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def compressed() -> Dataset:
    dataset = an_image(np.arange(64, dtype=np.uint8).reshape(8, 8), **uids(COMPRESSED))
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.compress(RLELossless, generate_instance_uid=False)
    return dataset


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    no_image = a_dataset(**uids(NO_IMAGE), SOPClassUID=RawDataStorage, Modality="OT")
    with ServedDicomWeb(tmp_path_factory.mktemp("wado-uri")) as server:
        server.keep(
            part10(grey(), ImplicitVRLittleEndian),
            part10(moving()),
            part10(no_image),
            part10(compressed(), RLELossless),
            *(reports.part10(each) for each in (PDF, REPORT, VIDEO)),
        )
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def picture(answer: httpx.Response) -> "Image.Image":
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def instance(answer: httpx.Response) -> pydicom.FileDataset:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/dicom;")
    return pydicom.dcmread(io.BytesIO(answer.content))


@pytest.mark.parametrize(
    ("parameters", "accept", "form"),
    [
        ({}, "*/*", "JPEG"),
        ({}, "", "JPEG"),
        ({}, BROWSER, "JPEG"),
        ({}, "image/png", "PNG"),
        ({"contentType": "image/png"}, "*/*", "PNG"),
        ({"contentType": "image/png"}, "image/gif", "PNG"),
        ({"contentType": "image/jp2,image/gif;q=0.5"}, "*/*", "GIF"),
        ({"contentType": "image/jpeg", "transferSyntax": ImplicitVRLittleEndian}, "*/*", "JPEG"),
    ],
)
def test_an_image_is_drawn_in_the_form_that_is_asked_for(
    client: httpx.Client, parameters: dict[str, str], accept: str, form: str
) -> None:
    image = picture(client.get(uri(GREY, **parameters), headers={"Accept": accept}))

    assert (image.format, image.size) == (form, (48, 64))


@pytest.mark.parametrize("content_type", ["image/jp2", "text/html", "application/dicom+json"])
def test_a_media_type_that_is_not_offered_is_not_acceptable(
    client: httpx.Client, content_type: str
) -> None:
    answer = client.get(uri(GREY, contentType=content_type))

    assert answer.status_code == 406
    assert "image/jpeg" in answer.text


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"contentType": "application/dicom,image/png"}, "contentType"),
        ({"anonymize": "yes", "contentType": "application/dicom"}, "anonymize"),
        ({"presentationUID": "1.2.3"}, "presentationUID"),
        ({"windowCenter": "40"}, "windowWidth"),
        ({"region": "0.5,0.5,0.2,0.2"}, "region"),
        ({"frameNumber": "2"}, "frameNumber"),
        ({"rows": "0"}, "rows"),
        ({"objectUID": "x"}, "objectUID"),
        ({"annotation": "everything"}, "annotation"),
    ],
)
def test_a_wrong_parameter_is_a_bad_request_that_names_it(
    client: httpx.Client, parameters: dict[str, str], named: str
) -> None:
    answer = client.get(uri(GREY, **parameters))

    assert answer.status_code == 400
    assert named in answer.text


def test_what_is_not_held_is_not_found(client: httpx.Client) -> None:
    assert client.get(uri(UNKNOWN)).status_code == 404
    assert client.get(uri(UNKNOWN, contentType="application/dicom")).status_code == 404
    assert client.get(uri(UNKNOWN, region="0,0,1,1")).status_code == 404


def test_an_instance_is_explicit_little_endian_by_default(client: httpx.Client) -> None:
    answer = client.get(uri(GREY, contentType="application/dicom"))

    held = instance(answer)
    assert held.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert held.PixelData == grey().PixelData
    assert held.SOPInstanceUID == uids(GREY)["SOPInstanceUID"]


@pytest.mark.parametrize(
    ("number", "asked", "given"),
    [
        (GREY, "*", ImplicitVRLittleEndian),
        (GREY, ImplicitVRLittleEndian, ExplicitVRLittleEndian),  # never sent (PS3.18 8.7.3)
        (GREY, "1.2.3.4", ExplicitVRLittleEndian),  # impossible: the default
        (GREY, RLELossless, RLELossless),
        (COMPRESSED, RLELossless, RLELossless),
        (COMPRESSED, ExplicitVRLittleEndian, ExplicitVRLittleEndian),
    ],
)
def test_a_transfer_syntax_is_given_where_it_is_possible(
    client: httpx.Client, number: int, asked: str, given: str
) -> None:
    answer = client.get(uri(number, contentType="application/dicom", transferSyntax=asked))

    assert instance(answer).file_meta.TransferSyntaxUID == given
    assert answer.headers["content-type"] == f"application/dicom; transfer-syntax={given}"


def test_a_frame_is_chosen_by_its_number(client: httpx.Client) -> None:
    levels = [
        picture(client.get(uri(MOVING, frameNumber=frame, contentType="image/png"))).getpixel(
            (0, 0)
        )
        for frame in (1, 2, 3)
    ]

    assert levels[0] < levels[1] < levels[2]  # type: ignore[operator]  # grey: one number


def test_a_frame_that_is_not_there_is_a_bad_request(client: httpx.Client) -> None:
    answer = client.get(uri(MOVING, frameNumber=4))

    assert answer.status_code == 400
    assert "frameNumber" in answer.text


def test_all_frames_are_a_moving_gif(client: httpx.Client) -> None:
    image = picture(client.get(uri(MOVING, contentType="image/gif")))

    assert getattr(image, "n_frames", 1) == 3


def test_what_is_no_image_comes_as_it_is_unless_an_image_is_demanded(client: httpx.Client) -> None:
    assert instance(client.get(uri(NO_IMAGE))).SOPClassUID == RawDataStorage
    assert client.get(uri(NO_IMAGE, contentType="image/jpeg")).status_code == 406
    assert client.get(uri(NO_IMAGE, frameNumber=1)).status_code == 400


@pytest.mark.parametrize(
    ("dataset", "content_type", "answered"),
    [
        (PDF, None, "application/pdf"),
        (PDF, "application/pdf", "application/pdf"),
        (REPORT, None, "text/html; charset=utf-8"),
        (REPORT, "text/plain,text/html;q=0.5", "text/plain; charset=utf-8"),
        (VIDEO, "video/mp4", "video/mp4"),
        (VIDEO, None, "video/mp4"),
    ],
)
def test_a_document_comes_in_its_rendered_form(
    client: httpx.Client, dataset: Dataset, content_type: str | None, answered: str
) -> None:
    named = {} if content_type is None else {"contentType": content_type}

    answer = client.get(uri(dataset, **named))

    assert (answer.status_code, answer.headers["content-type"]) == (200, answered)
    assert instance(client.get(uri(dataset, contentType="application/dicom")))


def test_a_document_that_is_asked_for_as_an_image_is_not_acceptable(client: httpx.Client) -> None:
    assert client.get(uri(REPORT, contentType="image/jpeg")).status_code == 406


def test_a_part_of_a_video_can_be_had(client: httpx.Client) -> None:
    url = uri(VIDEO, contentType="video/mp4")

    answer = client.get(url, headers={"Range": "bytes=4-7"})

    assert (answer.status_code, answer.content) == (206, b"ftyp")


def test_the_same_picture_is_not_sent_twice(client: httpx.Client) -> None:
    first = client.get(uri(GREY, rows=32))
    tag = {"If-None-Match": first.headers["etag"]}

    assert client.get(uri(GREY, rows=32), headers=tag).status_code == 304
    assert client.get(uri(GREY, rows=31), headers=tag).status_code == 200


def test_head_tells_the_type_without_drawing(client: httpx.Client) -> None:
    answer = client.head(uri(GREY))

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")


def test_the_picture_is_that_of_the_rendered_resource(client: httpx.Client) -> None:
    study = f"{ROOT}.{GREY}"
    resource = f"/dicom-web/studies/{study}/series/{study}.1/instances/{study}.1.1/rendered"
    same = {"window": "300,900,linear", "viewport": "24,32", "quality": "70"}

    by_uri = client.get(
        uri(GREY, windowCenter=300, windowWidth=900, columns=24, rows=32, imageQuality=70)
    )

    assert by_uri.content == client.get(resource, params=same).content


def test_the_strict_surfaces_have_no_such_resource(client: httpx.Client) -> None:
    query = uri(GREY).query.decode()

    assert client.get(f"/v2/wado?{query}").status_code == 404
    assert client.get(f"/v1/wado?{query}").status_code == 404


def test_retrieving_by_uri_needs_the_scope_of_reading(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    required = {"authentication": "required"}
    folder = tmp_path_factory.mktemp("closed")
    with ServedDicomWeb(folder, security=required) as server, server.client() as client:
        assert client.get(uri(GREY)).status_code == 401


@pytest.mark.peer("DCMTK")
@pytest.mark.skipif(
    shutil.which("dcmj2pnm") is None, reason="DCMTK is not here: run scripts/services install"
)
@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({"windowCenter": 300, "windowWidth": 900}, ["+Ww", "300", "900"]),
        ({"windowCenter": -100.5, "windowWidth": 1}, ["+Ww", "-100.5", "1"]),
        (
            {"windowCenter": 40, "windowWidth": 400, "region": "0.25,0.125,0.75,0.5"},
            ["+Ww", "40", "400", "+C", "12", "8", "24", "24"],
        ),
        (
            {"windowCenter": 40, "windowWidth": 400, "region": "0,0,0.5,1"},
            ["+Ww", "40", "400", "+C", "0", "0", "24", "64"],
        ),
        (
            {"windowCenter": 500, "windowWidth": 3000, "rows": 128},
            ["+Ww", "500", "3000", "-i", "+Syv", "128"],
        ),
        (
            {"windowCenter": 500, "windowWidth": 3000, "columns": 96, "rows": 1000},
            ["+Ww", "500", "3000", "-i", "+Sxv", "96"],
        ),
    ],
)
def test_window_region_and_size_are_those_of_dcmtk(
    client: httpx.Client, tmp_path: Path, parameters: dict[str, object], options: list[str]
) -> None:
    file, drawn = tmp_path / "image.dcm", tmp_path / "image.pgm"
    file.write_bytes(part10(grey(), ImplicitVRLittleEndian))
    subprocess.run(
        ["dcmj2pnm", *options, "+op", str(file), str(drawn)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    expected = np.asarray(Image.open(drawn).convert("L"), np.int16)

    ours = picture(client.get(uri(GREY, contentType="image/png", **parameters)))

    found = np.asarray(ours.convert("L"), np.int16)
    assert found.shape == expected.shape
    if "rows" in parameters:  # the ways to enlarge differ; their means do not
        assert abs(found.mean() - expected.mean()) < 2
    else:
        assert np.abs(found - expected).max() <= _WITHIN
