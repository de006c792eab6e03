"""Expiry of studies as the managed Azure service has it: section 2.8 of its description."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hilum.domain.records import FeedKind
from tests.instances import a_multipart, an_instance
from tests.served_dicomweb import ServedDicomWeb

MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
TIME, OPTION, LEVEL = (
    f"msdicom-expiry-{name}" for name in ("time-milliseconds", "option", "level")
)
SOON = {TIME: "1", OPTION: "RelativeToNow", LEVEL: "Study"}
LATE = {TIME: "86400000"}
ROOT = "1.2.826.0.1.3680043.10.28"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder = tmp_path_factory.mktemp("expiry")
    with ServedDicomWeb(folder, deletion={"expiry_poll_seconds": 0.05}) as server:
        yield server


@pytest.fixture(params=["/v1", "/v2"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        left = client.get("/v2/studies")
        for study in left.json() if left.content else []:
            client.delete(f"/v2/studies/{study['0020000D']['Value'][0]}")


def an_image(study: int, number: int) -> bytes:
    return an_instance(
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.1",
        SOPInstanceUID=f"{ROOT}.{study}.1.{number}",
    )


def store(
    client: httpx.Client,
    version: str,
    *instances: bytes,
    expiry: dict[str, str] | None = None,
    method: str = "POST",
) -> httpx.Response:
    return client.request(
        method,
        f"{version}/studies",
        content=a_multipart(*instances),
        headers=MULTIPART | (expiry or {}),
    )


def expiring(client: httpx.Client) -> list[str]:
    return [each["studyInstanceUid"] for each in client.get("/api/v1/expiring-studies").json()]


def wait_until_gone(client: httpx.Client, study: int) -> None:
    deadline = time.monotonic() + 20
    while client.get(f"/v2/studies/{ROOT}.{study}/metadata").status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.azure(
    "2.8-expiry-whole-study", "2.8-expiry-as-delete", "2.8-expiry-headers", "1.1-managed-extras"
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_study_is_deleted_whole_when_its_time_is_over(
    server: ServedDicomWeb, client: httpx.Client, version: str, method: str
) -> None:
    assert store(client, version, an_image(1, 1), an_image(2, 1)).status_code == 200

    stored = store(client, version, an_image(1, 2), expiry=SOON, method=method)

    assert stored.status_code == 200
    wait_until_gone(client, 1)
    assert client.get(f"/v2/studies/{ROOT}.2/metadata").status_code == 200
    entries = server.run(server.archive.index.feed(0, 10_000))[-2:]
    assert {entry.kind for entry in entries} == {FeedKind.DELETED}
    assert {entry.uids.study for entry in entries} == {f"{ROOT}.1"}
    assert store(client, version, an_image(1, 1)).status_code == 200


@pytest.mark.azure("2.8-expiry-last-store-decides", "2.8-expiry-cleared")
def test_the_last_store_decides_and_one_without_headers_keeps_the_study_for_good(
    client: httpx.Client, version: str
) -> None:
    store(client, version, an_image(3, 1), expiry=LATE)
    (first,) = client.get("/api/v1/expiring-studies").json()
    store(client, version, an_image(3, 2), expiry={TIME: "172800000"})
    (second,) = client.get("/api/v1/expiring-studies").json()

    assert first["studyInstanceUid"] == second["studyInstanceUid"] == f"{ROOT}.3"
    assert first["expires"] < second["expires"]
    store(client, version, an_image(3, 3))
    assert expiring(client) == []


def test_putting_the_same_instance_again_sets_and_clears_the_expiry(
    client: httpx.Client, version: str
) -> None:
    instance = an_image(4, 1)
    store(client, version, instance)

    store(client, version, instance, expiry=LATE, method="PUT")
    assert expiring(client) == [f"{ROOT}.4"]
    store(client, version, instance, method="PUT")
    assert expiring(client) == []


@pytest.mark.azure("2.8-expiry-last-store-decides")
def test_a_store_that_stored_nothing_decides_nothing(client: httpx.Client, version: str) -> None:
    store(client, version, an_image(5, 1), expiry=LATE)

    assert store(client, version, an_image(5, 1)).status_code == 409
    assert expiring(client) == [f"{ROOT}.5"]


@pytest.mark.azure("2.8-expiry-headers")
@pytest.mark.parametrize(
    "headers",
    [
        {TIME: "0"},
        {TIME: "-5"},
        {TIME: "soon"},
        {TIME: "1", OPTION: "Absolute"},
        {TIME: "1", LEVEL: "Instance"},
        {OPTION: "RelativeToNow", LEVEL: "Study"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_headers_that_cannot_be_meant_are_a_bad_request(
    client: httpx.Client, version: str, headers: dict[str, str], method: str
) -> None:
    response = store(client, version, an_image(6, 1), expiry=headers, method=method)

    assert response.status_code == 400
    assert "msdicom-expiry" in response.text
    assert client.get(f"/v2/studies/{ROOT}.6/metadata").status_code == 404


def test_the_standard_surface_reads_no_such_headers(client: httpx.Client) -> None:
    assert store(client, "/dicom-web", an_image(7, 1), expiry={TIME: "soon"}).status_code == 200
    assert expiring(client) == []


def test_all_three_headers_are_needed_when_the_setting_says_so_and_they_outlive_a_restart(
    tmp_path: Path,
) -> None:
    with ServedDicomWeb(tmp_path, stow={"strict_expiry": True}) as server, server.client() as first:
        assert store(first, "/v2", an_image(8, 1), expiry=LATE).status_code == 400
        assert store(first, "/v2", an_image(8, 1), expiry=SOON | {TIME: "86400000"}).is_success
        assert expiring(first) == [f"{ROOT}.8"]
        store(first, "/v2", an_image(9, 1), expiry=SOON | {TIME: "1500"})
    again = ServedDicomWeb(tmp_path, deletion={"expiry_poll_seconds": 0.05})
    with again as server, server.client() as second:
        wait_until_gone(second, 9)
        assert expiring(second) == [f"{ROOT}.8"]
