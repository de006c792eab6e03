"""Rendered studies and series, and thumbnails of each level (PS3.18 10.4.1.1.3, 10.4.1.1.4)."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41, JPEG2000Lossless

from tests.conformance.multipart import parts
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

ROOT = "1.2.826.0.1.3680043.10.32"
CT, MIXED, REPORTS, BROKEN = (f"{ROOT}.{number}" for number in range(1, 5))
PNGS = 'multipart/related; type="image/png"'


def a_slice(study: str, series: int, number: int, level: int, **elements: Any) -> Dataset:
    values = np.full((16, 16), level, np.uint8)
    uids = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.{series}",
        "SOPInstanceUID": f"{study}.{series}.{number}",
    }
    return an_image(values, **uids, InstanceNumber=number, **elements)


def a_report(study: str, series: int, number: int) -> Dataset:
    dataset = a_slice(study, series, number, 0)
    del dataset.PixelData
    return dataset


def encapsulated(dataset: Dataset, data: bytes, syntax: str) -> bytes:
    dataset.PixelData = encapsulate([data])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    # They arrive in another order than that of their numbers, and one series is larger.
    small = [a_slice(CT, 1, number, 200) for number in (1, 2)]
    large = [a_slice(CT, 2, number, 20 * number) for number in (5, 2, 4, 1, 3)]
    mixed = [a_slice(MIXED, 1, 1, 10), a_report(MIXED, 1, 2), a_slice(MIXED, 1, 3, 30)]
    broken = encapsulated(a_slice(BROKEN, 1, 2, 0), b"\xff\x4f nothing", JPEG2000Lossless)
    video = encapsulated(a_slice(MIXED, 1, 4, 0), b"\0\0\1 no frames", MPEG4HP41)
    with ServedDicomWeb(tmp_path_factory.mktemp("studies")) as server:
        server.keep(*map(part10, [*small, *large, *mixed]), video)
        server.keep(part10(a_report(REPORTS, 1, 1)))
        server.keep(part10(a_slice(BROKEN, 1, 1, 70)), broken)
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def url(study: str, *uids: str) -> str:
    names = ("series", "instances", "frames")
    below = "".join(f"/{name}/{uid}" for name, uid in zip(names, uids, strict=False))
    return f"/dicom-web/studies/{study}{below}"


def level(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        value = image.getpixel((3, 3))
    assert isinstance(value, int)
    return value


def levels(response: httpx.Response) -> list[int]:
    assert response.status_code in {200, 206}, response.text
    return [level(body) for _, body in parts(response)]


def test_a_series_is_rendered_in_the_order_of_arrival(client: httpx.Client) -> None:
    response = client.get(f"{url(CT, f'{CT}.2')}/rendered", headers={"Accept": PNGS})

    assert response.status_code == 200
    assert levels(response) == [100, 40, 80, 20, 60]
    first = parts(response)[0][0]
    assert first["Content-Type"] == "image/png"
    assert first["Content-Location"].endswith(f"{url(CT, f'{CT}.2', f'{CT}.2.5')}/rendered")


def test_a_study_is_rendered_with_what_each_instance_can_have(client: httpx.Client) -> None:
    response = client.get(f"{url(CT)}/rendered", headers={"Accept": "*/*"})

    assert response.headers["content-type"].startswith('multipart/related; type="image/jpeg"')
    assert len(parts(response)) == 7


def test_what_has_no_picture_is_left_out_and_told_of(client: httpx.Client) -> None:
    response = client.get(f"{url(MIXED)}/rendered", headers={"Accept": PNGS})

    assert response.status_code == 206
    assert levels(response) == [10, 30]
    assert "2 instances cannot be drawn" in response.headers["warning"]


def test_what_turns_out_to_be_damaged_is_left_out_too(client: httpx.Client) -> None:
    response = client.get(f"{url(BROKEN, f'{BROKEN}.1')}/rendered", headers={"Accept": PNGS})

    assert response.status_code == 206
    assert levels(response) == [70]
    assert "1 instances" in response.headers["warning"]


def test_what_fails_once_the_answer_has_begun_is_told_in_its_place(tmp_path: Any) -> None:
    with ServedDicomWeb(tmp_path, retrieve={"held_pictures_bytes": 1}) as server:
        broken = encapsulated(a_slice(BROKEN, 1, 2, 0), b"\xff\x4f nothing", JPEG2000Lossless)
        server.keep(part10(a_slice(BROKEN, 1, 1, 70)), broken, part10(a_slice(BROKEN, 1, 3, 80)))
        with server.client(accept=PNGS) as client:
            response = client.get(f"{url(BROKEN)}/rendered")

    found = parts(response)
    assert response.status_code == 200
    kinds = [head["Content-Type"] for head, _ in found]
    assert kinds == ["image/png", "text/plain; charset=utf-8", "image/png"]
    assert b"decoded" in found[1][1]


def test_an_object_that_is_lost_does_not_spoil_the_others(tmp_path: Path) -> None:
    with ServedDicomWeb(tmp_path) as server:
        server.keep(*(part10(a_slice(CT, 1, number, 20 * number)) for number in (1, 2, 3)))
        (lost,) = tmp_path.rglob(f"{CT}.1.2.*.dcm")
        lost.unlink()
        with server.client(accept="*/*") as client:
            study = client.get(f"{url(CT)}/rendered", headers={"Accept": PNGS})
            thumbnail = client.get(f"{url(CT)}/thumbnail", headers={"Accept": "image/png"})
            alone = client.get(f"{url(CT, f'{CT}.1', f'{CT}.1.2')}/rendered")

    assert study.status_code == 206
    assert levels(study) == [20, 60]
    assert "1 instances" in study.headers["warning"]
    assert level(thumbnail.content) == 60
    assert alone.status_code == 500


@pytest.mark.parametrize("accept", ["image/jpeg", "image/png, image/gif", "image/*"])
def test_a_single_part_cannot_hold_a_study(client: httpx.Client, accept: str) -> None:
    for path in (url(REPORTS), url(CT), url(CT, f"{CT}.1")):
        assert client.get(f"{path}/rendered", headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (url(REPORTS), 404),
        (url(f"{ROOT}.99"), 404),
        (url(CT, f"{CT}.99"), 404),
        (url("x"), 400),
    ],
)
def test_where_there_is_no_picture_the_status_says_why(
    client: httpx.Client, path: str, status: int
) -> None:
    assert client.get(f"{path}/rendered").status_code == status
    assert client.get(f"{path}/thumbnail").status_code == status


def test_a_study_with_more_than_is_drawn_at_once_is_refused(tmp_path: Any) -> None:
    with ServedDicomWeb(tmp_path, retrieve={"pictures_per_request": 1}) as server:
        server.keep(*(part10(a_slice(CT, 1, number, 1)) for number in (1, 2)))
        with server.client(accept="*/*") as client:
            response = client.get(f"{url(CT)}/rendered")

    assert response.status_code == 413
    assert "retrieve.pictures_per_request" in response.text


def test_dicomweb_client_renders_a_series(server: ServedDicomWeb) -> None:
    web = DICOMwebClient(f"{server.url}/dicom-web")

    body = web.retrieve_series_rendered(CT, f"{CT}.2")

    assert body.count(b"Content-Type: image/jpeg") == 5


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (url(CT), 60),
        (url(CT, f"{CT}.2"), 60),
        (url(CT, f"{CT}.1"), 200),
        (url(CT, f"{CT}.2", f"{CT}.2.4"), 80),
        (url(CT, f"{CT}.2", f"{CT}.2.4", "1"), 80),
        (url(MIXED), 30),
        (url(BROKEN), 70),
    ],
)
def test_a_thumbnail_is_the_middle_of_what_it_stands_for(
    client: httpx.Client, path: str, expected: int
) -> None:
    response = client.get(f"{path}/thumbnail", headers={"Accept": "image/png"})

    assert response.status_code == 200, response.text
    assert level(response.content) == expected
    assert client.get(f"{path}/thumbnail").headers["content-type"] == "image/jpeg"


@pytest.mark.slow
def test_a_long_series_has_its_middle_as_thumbnail(server: ServedDicomWeb) -> None:
    study, number = f"{ROOT}.10", 1055
    server.keep(*(part10(a_slice(study, 1, each, each // 5)) for each in range(1, number + 1)))

    with server.client(accept="image/png") as client:
        for path in (url(study), url(study, f"{study}.1")):
            assert level(client.get(f"{path}/thumbnail").content) == number // 2 // 5


def test_series_of_reports_do_not_keep_a_study_from_having_a_thumbnail(
    server: ServedDicomWeb,
) -> None:
    study = f"{ROOT}.11"
    reports = [a_report(study, 1, number) for number in range(1, 21)]
    server.keep(*map(part10, [*reports, a_slice(study, 2, 1, 90)]))

    with server.client(accept="image/png") as client:
        assert level(client.get(f"{url(study)}/thumbnail").content) == 90
        assert client.get(f"{url(study, f'{study}.1')}/thumbnail").status_code == 404


def test_a_thumbnail_has_the_size_that_is_asked_for(client: httpx.Client) -> None:
    path = f"{url(CT)}/thumbnail"
    for params, side in (({}, 200), ({"viewport": "50,80"}, 50), ({"viewport": "9,9"}, 9)):
        with Image.open(io.BytesIO(client.get(path, params=params).content)) as image:
            assert image.size == (side, side)


@pytest.mark.parametrize("viewport", ["0,1", "1", "nan,1", "5,5,1,1,2,2", "-1,-1", "9" * 10_000])
def test_a_thumbnail_of_no_size_is_a_bad_request(client: httpx.Client, viewport: str) -> None:
    response = client.get(f"{url(CT)}/thumbnail", params={"viewport": viewport})

    assert response.status_code == 400
    assert "'viewport' is invalid" in response.text


def test_a_thumbnail_may_be_a_part(client: httpx.Client) -> None:
    path = f"{url(CT, f'{CT}.2')}/thumbnail"
    ((head, body),) = parts(client.get(path, headers={"Accept": PNGS}))

    assert level(body) == 60
    assert head["Content-Location"].endswith(path)


def test_a_thumbnail_takes_no_other_parameters(client: httpx.Client) -> None:
    path = f"{url(CT)}/thumbnail"
    asked = {"window": "nonsense", "quality": "0", "annotation": "patient", "iccprofile": "yes"}

    assert client.get(path, params=asked).content == client.get(path).content


def test_frames_that_are_not_there_have_no_thumbnail(client: httpx.Client) -> None:
    path = url(CT, f"{CT}.1", f"{CT}.1.1")

    assert client.get(f"{path}/frames/2/thumbnail").status_code == 404
    assert client.get(f"{path}/frames/0/thumbnail").status_code == 400


def test_known_pictures_are_not_sent_again_until_something_comes(server: ServedDicomWeb) -> None:
    study = f"{ROOT}.9"
    server.keep(part10(a_slice(study, 1, 1, 10)))
    with server.client(accept="*/*") as client:
        for resource in ("rendered", "thumbnail"):
            first = client.get(f"{url(study)}/{resource}")
            known = {"If-None-Match": first.headers["etag"]}
            assert client.get(f"{url(study)}/{resource}", headers=known).status_code == 304
            head = client.head(f"{url(study)}/{resource}")
            for name in ("etag", "content-type", "cache-control", "vary"):
                assert head.headers[name] == first.headers[name]
            server.keep(part10(a_slice(study, 1, 2 if resource == "rendered" else 3, 20)))
            assert client.get(f"{url(study)}/{resource}", headers=known).status_code == 200
