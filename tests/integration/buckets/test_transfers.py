"""Export to and bulk import from every kind of place."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb
from tests.transfers import ToPlace, a_gcs_place, an_azure_place, an_s3_place, ended

PLACES: dict[str, Callable[[str], ToPlace]] = {
    "azure": an_azure_place,
    "s3": an_s3_place,
    "gcs": a_gcs_place,
}
ROOT = "1.2.826.0.1.3680043.10.12"
LARGE = 5 << 20


def _instance(number: int, size_bytes: int = 0, **more: Any) -> bytes:
    uids = {"StudyInstanceUID": ROOT, "SeriesInstanceUID": f"{ROOT}.1"}
    return an_instance(size_bytes, **uids, SOPInstanceUID=f"{ROOT}.1.{number}", **more)


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> ToPlace:
    return PLACES[request.param](uuid4().hex)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    limits = {"chunk_bytes": 1 << 20, "retry_seconds": 1, "first_backoff_seconds": 0.05}
    storage = {"reserve_bytes": 0, "remote": limits}
    allowed = {"places": [make("").url for make in PLACES.values()]}
    folder = tmp_path_factory.mktemp("transfers")
    with ServedDicomWeb(folder, transfers=allowed, storage=storage) as server:
        yield server


@pytest.fixture(autouse=True)
def _empty(served: ServedDicomWeb) -> Iterator[None]:
    yield
    with served.client() as client:
        client.delete(f"/v2/studies/{ROOT}")


def _import(client: httpx.Client, told: dict[str, Any], **more: Any) -> dict[str, Any]:
    begun = client.post("/api/v1/import", json={"source": told, **more})
    assert begun.status_code == 202, begun.text
    ended(client, f"/v2/operations/{begun.json()['id']}")
    found: dict[str, Any] = client.get(begun.json()["href"]).json()
    return found


def test_what_was_exported_can_be_imported_elsewhere(
    place: ToPlace, served: ServedDicomWeb
) -> None:
    instances = [_instance(number) for number in range(10)] + [_instance(99, LARGE)]
    served.keep_at_once(*instances)
    with served.client() as client:
        source = {"type": "identifiers", "settings": {"values": [ROOT]}}
        body = {"source": source, "destination": place.told}
        begun = client.post("/v2/export", json=body)
        assert begun.status_code == 202, begun.text
        told = ended(client, begun.json()["href"])
        assert told["results"]["exported"] == 11
        files = place.files()
        results = [data for name, data in files.items() if name.endswith(".dcm")]
        assert sorted(results) == sorted(instances)

        job_id = begun.json()["id"]
        settings = {**place.told["settings"]}
        settings["prefix"] += f"/{job_id}"
        elsewhere = {"type": place.told["type"], "settings": settings}
        again = _import(client, elsewhere)
        assert again["results"] == {"stored": 0, "alreadyHeld": 11, "failed": 0, "notDicom": 1}
        client.delete(f"/v2/studies/{ROOT}").raise_for_status()
        new = _import(client, elsewhere)

        assert new["results"] == {"stored": 11, "alreadyHeld": 0, "failed": 0, "notDicom": 1}
        assert len(client.get(f"/v2/studies/{ROOT}/instances").json()) == 11


def test_what_cannot_be_imported_is_told_and_the_rest_goes_on(
    place: ToPlace, served: ServedDicomWeb
) -> None:
    place.put("a/other.dcm", _instance(1, PatientName="Other"))
    place.put("b/cut short.dcm", _instance(2, 1000)[:-10])
    place.put("c/notes.txt", b"Nothing to see here.")
    place.put("d/good.dcm", _instance(3))
    served.keep(_instance(1))
    with served.client() as client:
        told = _import(client, place.told)
        errors = client.get(f"/api/v1/jobs/{told['job_id']}/errors").json()
        replaced = _import(client, place.told, onConflict="new-version", profile="minimal")

    assert told["results"] == {"stored": 1, "alreadyHeld": 0, "failed": 2, "notDicom": 1}
    assert [each["what"] for each in errors] == ["a/other.dcm", "b/cut short.dcm"]
    assert "Other bytes are held" in errors[0]["message"]
    assert replaced["results"]["stored"] == 1
    assert "secretAccessKey" not in json.dumps(told)


@pytest.mark.parametrize("place", ["azure", "s3"], indirect=True)
def test_credentials_that_are_wrong_fail_the_operation(
    place: ToPlace, served: ServedDicomWeb
) -> None:
    settings = dict(place.told["settings"])
    wrong = {
        "secretAccessKey": "wrong",
        "connectionString": settings.get("connectionString", "")[:-8] + "AAAAAAA=",
    }
    settings |= {name: value for name, value in wrong.items() if name in settings}
    with served.client() as client:
        told = _import(client, {"type": place.told["type"], "settings": settings})

    assert told["state"] == "failed"
    assert "credentials" in told["error"] or "403" in told["error"]
    assert "wrong" not in json.dumps(told)
