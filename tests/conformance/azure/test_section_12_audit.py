"""Audit headers: section 12 of the description of the Azure DICOM service."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.served_dicomweb import ServedDicomWeb

UID = "1.2.826.0.1.3680043.10.12"
HEADER = "X-MS-AZUREDICOM-AUDIT-"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder = tmp_path_factory.mktemp("audit")
    audit = {"enabled": True, "file": folder / "audit.jsonl", "headers": 3, "header_bytes": 20}
    with ServedDicomWeb(folder / "data", audit=audit) as server:
        yield server


@pytest.fixture
def trail(server: ServedDicomWeb) -> Path:
    path = server.archive.folder.parent / "audit.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.fixture(params=["v1", "v2"])
def client(server: ServedDicomWeb, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    accept = {"Accept": "application/dicom+json"}
    with httpx.Client(base_url=f"{server.url}/{request.param}", headers=accept) as client:
        yield client


def entry_of(answer: httpx.Response, trail: Path) -> dict[str, Any]:
    """It is written once the answer has gone: what came of the request is in it."""
    correlation_id = answer.headers["x-correlation-id"]
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for line in trail.read_text().splitlines():
            entry: dict[str, Any] = json.loads(line)
            if entry["correlation_id"] == correlation_id:
                return entry
        time.sleep(0.005)
    pytest.fail("there is no entry for the request")


@pytest.mark.azure("12-audit")
def test_what_a_client_adds_stands_in_the_entry_of_its_request(
    client: httpx.Client, trail: Path
) -> None:
    added = {"Reason": b"second opinion", "Who": "Zoë".encode(), "Empty": b""}
    headers = [(f"{HEADER}{name}".encode(), value) for name, value in added.items()]

    answer = client.get(f"/studies/{UID}/metadata", headers=headers)

    entry = entry_of(answer, trail)
    assert entry["headers"] == {"reason": "second opinion", "who": "Zoë", "empty": ""}
    assert (entry["action"], entry["method"], entry["status"]) == ("read", "GET", 404)
    assert entry["route"].endswith("/studies/{study}/metadata")
    assert entry["uids"] == {"study": UID}


@pytest.mark.azure("12-audit-too-much")
@pytest.mark.parametrize(
    ("added", "setting"),
    [
        ({f"{HEADER}{number}": "x" for number in range(4)}, "audit.headers"),
        ({f"{HEADER}Long": "x" * 21}, "audit.header_bytes"),
    ],
)
def test_too_many_and_too_large_headers_are_400(
    client: httpx.Client, trail: Path, added: dict[str, str], setting: str
) -> None:
    answer = client.get("/studies", headers=added)

    assert answer.status_code == 400
    assert setting in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert entry_of(answer, trail)["status"] == 400
