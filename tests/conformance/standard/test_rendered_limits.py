"""Limits of drawing, each with a request that goes beyond it and is told which."""

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

ROOT = "1.2.826.0.1.3680043.10.34"
SMALL, LARGE, MOVING, HEADED = range(1, 5)


def an_instance(number: int, side: int, frames: int = 1) -> Dataset:
    uid = f"{ROOT}.{number}"
    dataset = an_image(
        np.zeros((side, side), np.uint8),
        StudyInstanceUID=uid,
        SeriesInstanceUID=f"{uid}.1",
        SOPInstanceUID=f"{uid}.1.1",
    )
    dataset.NumberOfFrames = frames
    dataset.PixelData = bytes(side * side * frames)
    dataset["PixelData"].VR = "OB"
    return dataset


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    headed = an_instance(HEADED, 4)
    headed.add_new(0x60000010, "US", 4)
    headed.add_new(0x60000011, "US", 4)
    headed.add_new(0x60003000, "OW", bytes(5000))
    retrieve = {
        "decoded_frame_bytes": 2000,
        "moving_frames": 3,
        "drawn_header_bytes": 3000,
        "frames_per_request": 4,
    }
    limits = {"maximum_picture_pixels": 1000}
    folder = tmp_path_factory.mktemp("limits")
    with ServedDicomWeb(folder, retrieve=retrieve, pixels=limits) as server:
        kept = [an_instance(SMALL, 20), an_instance(LARGE, 60), an_instance(MOVING, 4, 4), headed]
        server.keep(*map(part10, kept))
        with server.client(accept="*/*") as client:
            yield client


def path(number: int, resource: str = "rendered") -> str:
    uid = f"{ROOT}.{number}"
    return f"/dicom-web/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/{resource}"


@pytest.mark.parametrize(
    ("url", "accept", "setting"),
    [
        (path(LARGE), "image/png", "retrieve.decoded_frame_bytes"),
        (f"{path(SMALL)}?viewport=32,32", "image/png", "pixels.maximum_picture_pixels"),
        (f"{path(SMALL, 'thumbnail')}?viewport=32,32", "*/*", "pixels.maximum_picture_pixels"),
        (path(MOVING), "image/gif", "retrieve.moving_frames"),
        (path(HEADED), "image/png", "retrieve.drawn_header_bytes"),
        (path(MOVING, "frames/1,2,3,4,1/rendered"), "*/*", "retrieve.frames_per_request"),
    ],
)
def test_what_is_too_large_is_refused_and_the_setting_named(
    client: httpx.Client, url: str, accept: str, setting: str
) -> None:
    response = client.get(url, headers={"Accept": accept})

    assert response.status_code == 413, response.text
    assert f"setting {setting} allows" in response.text


@pytest.mark.parametrize("resource", ["rendered", "frames/1,2,3,4/rendered"])
def test_what_is_within_the_limits_is_drawn(client: httpx.Client, resource: str) -> None:
    assert client.get(path(MOVING, resource)).status_code == 200
    assert client.get(f"{path(SMALL)}?viewport=31,31").status_code == 200
