"""Export on `/v1` and `/v2` (section 11), to a folder and to a stand-in of Azure Blob Storage."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hilum.access import AccessScope, make_key
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb
from tests.transfers import CONTAINER, ToPlace, an_azure_place, ended

ROOT = "1.2.826.0.1.3680043.10.11"
STUDY, SERIES = f"{ROOT}.1", f"{ROOT}.1.1"
UNKNOWN = f"{ROOT}.404"


def _instance(number: int, study: str = STUDY, series: str = SERIES, **more: Any) -> bytes:
    uid = f"{series}.{number}"
    return an_instance(StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=uid, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def azure() -> ToPlace:
    return an_azure_place("")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, azure: ToPlace
) -> Iterator[ServedDicomWeb]:
    allowed = {"folders": [folder], "places": [azure.url, "https://*.blob.core.windows.net"]}
    with ServedDicomWeb(tmp_path_factory.mktemp("export"), transfers=allowed) as served:
        served.keep_at_once(
            *(_instance(number) for number in range(3)),
            _instance(0, series=f"{STUDY}.2"),
            _instance(0, study=f"{ROOT}.2", series=f"{ROOT}.2.1"),
        )
        yield served


@pytest.fixture(params=("/v1", "/v2"))
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _body(destination: dict[str, Any], *values: str) -> dict[str, Any]:
    source = {"type": "identifiers", "settings": {"values": list(values)}}
    return {"source": source, "destination": destination}


def _to(folder: Path) -> dict[str, Any]:
    return {"type": "folder", "settings": {"path": str(folder)}}


def _export(client: httpx.Client, surface: str, body: dict[str, Any]) -> httpx.Response:
    return client.post(f"{surface}/export", json=body)


def _name(series: str, number: int, study: str = STUDY) -> str:
    return f"{study}/{series}/{series}.{number}.dcm"


@pytest.mark.azure("11-route", "11-202", "11-connection-string", "11-results")
@pytest.mark.parametrize(
    ("identifier", "names"),
    [
        (STUDY, [_name(SERIES, 0), _name(SERIES, 1), _name(SERIES, 2), _name(f"{STUDY}.2", 0)]),
        (f"{STUDY}/{SERIES}", [_name(SERIES, 0), _name(SERIES, 1), _name(SERIES, 2)]),
        (f"{STUDY}/{SERIES}/{SERIES}.1", [_name(SERIES, 1)]),
    ],
    ids=["study", "series", "instance"],
)
def test_what_is_named_is_put_into_the_container(
    server: ServedDicomWeb, azure: ToPlace, surface: str, identifier: str, names: list[str]
) -> None:
    with server.client() as client:
        begun = _export(client, surface, _body(azure.told, identifier))
        told = ended(client, begun.json()["href"])

    job_id = begun.json()["id"]
    assert begun.status_code == 202
    assert begun.headers["location"] == begun.json()["href"]
    assert begun.json()["href"] == f"{server.url}{surface}/operations/{job_id}"
    assert told["results"] == {
        "exported": len(names),
        "skipped": 0,
        "errorHref": f"{azure.url}/{CONTAINER}/{job_id}/errors.log",
    }
    files = {name: data for name, data in azure.files().items() if name.startswith(job_id)}
    assert sorted(files) == [f"{job_id}/errors.log"] + [
        f"{job_id}/results/{each}" for each in names
    ]
    assert files[f"{job_id}/results/{names[-1]}"] == _instance(
        int(names[-1].split(".")[-2]), series=names[-1].split("/")[1]
    )


@pytest.mark.azure("11-source", "11-container-uri", "11-secrets")
def test_a_container_may_be_named_by_its_uri_with_a_signature(
    server: ServedDicomWeb, surface: str
) -> None:
    place = an_azure_place("", by_sas=True)
    with server.client() as client:
        begun = _export(client, surface, _body(place.told, STUDY))
        told = ended(client, begun.json()["href"])
        shown = client.get(f"/api/v1/jobs/{begun.json()['id']}").text

    assert told["results"]["exported"] == 4
    assert "sig=" not in json.dumps(told) + shown
    assert json.loads(shown)["request"]["destination"]["type"] == "azureblob"


@pytest.mark.azure("11-skipped", "11-errors-log", "11-404")
def test_identifiers_that_match_nothing_are_skipped_and_told(
    server: ServedDicomWeb, folder: Path, surface: str
) -> None:
    values = (UNKNOWN, f"{ROOT}.2", f"{STUDY}/{UNKNOWN}")
    with server.client() as client:
        begun = _export(client, surface, _body(_to(folder), *values))
        told = ended(client, begun.json()["href"])

    assert (told["results"]["exported"], told["results"]["skipped"]) == (1, 2)
    assert told["percentComplete"] == 100
    log = folder / begun.json()["id"] / "errors.log"
    assert told["results"]["errorHref"] == log.as_uri()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["identifier"] for line in lines] == [UNKNOWN, f"{STUDY}/{UNKNOWN}"]
    assert all(line["error"] for line in lines)
    assert all(datetime.fromisoformat(line["timestamp"]).tzinfo for line in lines)


@pytest.mark.azure("11-current")
def test_the_current_version_is_exported(
    server: ServedDicomWeb, folder: Path, surface: str
) -> None:
    study = f"{ROOT}.3.{surface[-1]}"
    first, second = (
        _instance(0, study, f"{study}.1", PatientName=name) for name in ("First", "Second")
    )
    server.keep(first, second, new_versions=True)
    with server.client() as client:
        begun = _export(client, surface, _body(_to(folder), study))
        ended(client, begun.json()["href"])

    results = folder / begun.json()["id"] / "results"
    assert (results / _name(f"{study}.1", 0, study)).read_bytes() == second


@pytest.mark.azure("11-400", "11-one-of", "11-source", "11-sources", "11-managed-identity")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source": None}, "source"),
        ({"source": None, "sources": {"type": "identifiers"}}, "source"),
        ({"source": {"type": "identifiers", "settings": {"values": []}}}, "at least one"),
        ({"source": {"type": "identifiers", "settings": {"values": ["x"]}}}, "not a valid UID"),
        ({"source": {"type": "identifiers", "settings": {"values": ["1/2/3/4"]}}}, "identifier"),
        ({"source": {"type": "other", "settings": {"values": [STUDY]}}}, "identifiers"),
        ({"destination": None}, "destination"),
        ({"destination": {"type": "ftp", "settings": {}}}, "destination.type"),
        ({"destination": {"type": "azureblob", "settings": {}}}, "either blobContainerUri"),
        (
            {"destination": {"type": "azureblob", "settings": {"connectionString": "x"}}},
            "either blobContainerUri",
        ),
        (
            {
                "destination": {
                    "type": "azureblob",
                    "settings": {
                        "blobContainerUri": "https://a.blob.core.windows.net/c?sig=x",
                        "connectionString": "AccountName=a;AccountKey=eA==",
                        "blobContainerName": "c",
                    },
                }
            },
            "either blobContainerUri",
        ),
        (
            {
                "destination": {
                    "type": "azureblob",
                    "settings": {"blobContainerUri": "https://a.blob.core.windows.net/con"},
                }
            },
            "useManagedIdentity",
        ),
        (
            {
                "destination": {
                    "type": "azureblob",
                    "settings": {
                        "blobContainerUri": "https://a.blob.core.windows.net/con?sig=x",
                        "useManagedIdentity": True,
                    },
                }
            },
            "useManagedIdentity",
        ),
        (
            {
                "destination": {
                    "type": "azureblob",
                    "settings": {"blobContainerUri": "http://169.254.169.254/a/con?sig=x"},
                }
            },
            "transfers.places",
        ),
        (
            {"destination": {"type": "folder", "settings": {"path": "/etc"}}},
            "transfers.folders",
        ),
    ],
)
def test_what_is_not_valid_is_refused(
    server: ServedDicomWeb, folder: Path, surface: str, change: dict[str, Any], told: str
) -> None:
    with server.client() as client:
        answer = _export(client, surface, {**_body(_to(folder), STUDY), **change})

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert told in answer.text


@pytest.mark.azure("11-managed-identity")
def test_an_identity_of_the_server_may_be_named(server: ServedDicomWeb, surface: str) -> None:
    """Nobody gives it one here, so the operation fails; the request is as it should be."""
    settings = {
        "blobContainerUri": "https://hilum-has-none.blob.core.windows.net/container",
        "useManagedIdentity": True,
    }
    with server.client() as client:
        begun = _export(client, surface, _body({"type": "azureblob", "settings": settings}, STUDY))
        client.post(f"/api/v1/jobs/{begun.json()['id']}/cancel").raise_for_status()
        told = ended(client, begun.json()["href"])

    assert begun.status_code == 202
    assert told["status"] in {"canceled", "failed"}


@pytest.mark.azure("11-400")
def test_a_container_that_is_not_there_fails_the_operation(
    server: ServedDicomWeb, azure: ToPlace, surface: str
) -> None:
    settings = {**azure.told["settings"], "blobContainerName": f"none-{uuid4().hex}"}
    with server.client() as client:
        begun = _export(client, surface, _body({"type": "azureblob", "settings": settings}, STUDY))
        told = ended(client, begun.json()["href"])

    assert begun.status_code == 202
    assert told["status"] == "failed"
    assert "make it first" in told["error"]


@pytest.mark.azure("11-400")
def test_a_body_that_is_no_json_is_refused(server: ServedDicomWeb, surface: str) -> None:
    headers = {"Content-Type": "application/json"}
    with server.client() as client:
        answer = client.post(f"{surface}/export", content=b"{", headers=headers)

    assert answer.status_code == 400


@pytest.mark.azure("11-401-403", "11-off")
def test_the_action_is_asked_for_and_the_feature_can_be_off(tmp_path: Path, folder: Path) -> None:
    body = _body(_to(folder), STUDY)
    keys = {"authentication": "required"}
    allowed = {"folders": [folder]}
    with (
        ServedDicomWeb(tmp_path / "on", security=keys, transfers=allowed) as guarded,
        guarded.client() as client,
    ):
        reader, exporter = (
            {"X-API-Key": guarded.run(_a_key(guarded, *scopes))}
            for scopes in (("read", "write", "delete"), ("export",))
        )
        for surface in ("/v1", "/v2"):
            path = f"{surface}/export"
            assert client.post(path, json=body).status_code == 401
            assert client.post(path, json=body, headers=reader).status_code == 403
            assert client.post(path, json=body, headers=exporter).status_code == 202
    with ServedDicomWeb(tmp_path / "off", export={"enabled": False}) as off, off.client() as client:
        answers = [_export(client, surface, body) for surface in ("/v1", "/v2")]
        assert [answer.status_code for answer in answers] == [404, 404]


async def _a_key(server: ServedDicomWeb, *scopes: str) -> str:
    key = make_key("test", [AccessScope(scope) for scope in scopes], now=datetime.now(UTC))
    await server.archive.index.keys.add(key.record)
    return key.text
