"""What was acknowledged is seen by every later request, however often the old was asked for."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx
import numpy as np
import pytest

from hilum.domain.instances import Arrival, InMemory, OnConflict, StorePolicy
from hilum.domain.origins import Door, Origin
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

_SIDE = 16


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("changes")) as server:
        yield server


def _stored(server: ServedDicomWeb, number: int) -> str:
    """Store one instance, whose pixels all are `number`; return its URL."""
    dataset = an_image(np.full((_SIDE, _SIDE), number, np.uint8))
    policy = StorePolicy("minimal", OnConflict.NEW_VERSION)
    arrival = Arrival(InMemory(part10(dataset)), Origin(Door.IMPORT, "tests"), policy)
    assert server.run(server.archive.ingest(arrival)).held
    return (
        f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )


def _frame(client: httpx.Client, url: str) -> httpx.Response:
    return client.get(f"{url}/frames/1", headers={"Accept": "application/octet-stream"})


def test_a_frame_is_gone_with_its_instance_and_new_with_a_new_version(
    server: ServedDicomWeb,
) -> None:
    with server.client() as client:
        for number in range(1, 6):
            url = _stored(server, number)
            for _ in range(3):
                assert _frame(client, url).content == bytes([number]) * _SIDE**2
            tag = client.get(f"{url}/metadata").headers["etag"]
            if number % 2:
                continue  # the next one replaces it

            assert client.delete(url).is_success

            assert _frame(client, url).status_code == 404
            gone = client.get(f"{url}/metadata", headers={"If-None-Match": tag})
            assert gone.status_code == 404
            whole = client.get(url, headers={"Accept": "application/dicom"})
            assert whole.status_code == 404


def test_frames_that_another_release_described_say_how_to_mend_it(server: ServedDicomWeb) -> None:
    url = _stored(server, 1)
    with (
        closing(sqlite3.connect(server.archive.folder / "index.sqlite", timeout=5)) as index,
        index,
    ):
        index.execute("UPDATE description SET frame_table = x'09'")

    with server.client() as client:
        answer = _frame(client, url)

    assert answer.status_code == 500
    assert "another release" in answer.text
    assert "hilum rebuild" in answer.text
