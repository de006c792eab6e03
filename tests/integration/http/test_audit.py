"""The audit trail: an entry for each request that needs a scope, none of patients."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hilum.access import AccessScope
from hilum.settings import SettingsRejected, load_settings
from tests.integration.http.conftest import Start
from tests.integration.http.instances import a_planted_instance

SEARCH = {"Accept": "application/dicom+json"}
STUDY = "1.2.826.0.1.3680043.10.77"


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_request_that_needs_a_scope_has_an_entry_the_refused_ones_too(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "trail" / "audit.jsonl"
    gateway = await start(
        security__authentication="required", audit__enabled=True, audit__file=path
    )
    reader = await gateway.key(AccessScope.READ)

    await gateway.client.get("/v2/studies", headers=SEARCH)
    await gateway.client.get("/v2/studies", headers=SEARCH | reader)
    await gateway.client.delete(f"/v2/studies/{STUDY}", headers=reader)
    for open_to_all in ("/health", "/ready", "/metrics", "/docs"):
        await gateway.client.get(open_to_all, headers=reader)

    told = [(each["action"], each["status"], each["principal"]) for each in entries(path)]
    assert told == [("read", 401, ""), ("read", 204, "test"), ("delete", 403, "test")]
    assert {each["credential"] for each in entries(path)} == {"none", "api-key"}
    assert {each["peer"] for each in entries(path)} == {"127.0.0.1"}


async def test_who_watches_work_items_over_a_websocket_has_an_entry_as_soon_as_it_is_open(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(
        security__authentication="required", audit__enabled=True, audit__file=path
    )
    reader, writer = await gateway.key(AccessScope.READ), await gateway.key(AccessScope.WRITE)
    url = f"ws://127.0.0.1:{gateway.serving.http.port}/dicom-web/ws/subscribers/ME"
    note = {"X-MS-AZUREDICOM-AUDIT-Reason": "on duty"}

    async with connect(url, additional_headers=reader | note, proxy=None):
        (entry,) = entries(path)
    for headers in ({}, writer):
        with pytest.raises(InvalidStatus):
            await connect(url, additional_headers=headers, proxy=None).__aenter__()

    assert (entry["action"], entry["method"], entry["status"]) == ("read", "GET", 101)
    assert (entry["principal"], entry["headers"]) == ("test", {"reason": "on duty"})
    assert {each["route"] for each in entries(path)} == {"/dicom-web/ws/subscribers/{ae_title}"}
    refused = [(each["status"], each["principal"]) for each in entries(path)[1:]]
    assert refused == [(401, ""), (403, "test")]


async def test_the_uri_service_names_in_its_query_what_it_is_about(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(audit__enabled=True, audit__file=path)
    asked = {"requestType": "WADO", "studyUID": STUDY, "seriesUID": "1.2", "objectUID": "Doe^John"}

    await gateway.client.get("/dicom-web/wado", params=asked)

    assert [each["uids"] for each in entries(path)] == [{"study": STUDY, "series": "1.2"}]


async def test_who_was_not_let_in_is_not_told_to_have_asked_for_another_partition(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(
        security__authentication="required",
        partitions__enabled=True,
        audit__enabled=True,
        audit__file=path,
    )

    for name in ("north", "Doe^John"):
        await gateway.client.get(f"/v2/partitions/{name}/studies", headers=SEARCH)
    await gateway.client.get("/dicom-web/studies", headers=SEARCH)

    told = [(each["status"], each["partition"]) for each in entries(path)]
    assert told == [(401, "north"), (401, ""), (401, "Microsoft.Default")]


async def test_patient_data_never_gets_into_the_trail(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(audit__enabled=True, audit__file=path)
    body = a_planted_instance(STUDY)
    headers = SEARCH | {
        "Content-Type": "application/dicom",
        "X-MS-AZUREDICOM-AUDIT-PatientName": "Somebody",
        "X-MS-AZUREDICOM-AUDIT-Note": "asked by Doe^John",
    }

    await gateway.client.post("/v2/studies", content=body, headers=headers)
    await gateway.client.get("/v2/studies?PatientName=Doe^John", headers=SEARCH)
    await gateway.client.get("/v2/studies/Doe^John/metadata", headers=SEARCH)

    first, *_ = entries(path)
    assert first["headers"] == {"patientname": "***", "note": "asked by ***"}
    assert "Doe" not in path.read_text()
    assert "Somebody" not in path.read_text()


async def test_without_a_file_the_trail_is_in_the_log(start: Start) -> None:
    gateway = await start(audit__enabled=True)

    with capture_logs() as logs:
        await gateway.client.get("/v2/studies", headers=SEARCH)

    (entry,) = [each for each in logs if each["event"] == "audit"]
    assert (entry["log_level"], entry["action"], entry["status"]) == ("info", "read", 204)


async def test_nothing_is_written_unless_it_is_wanted(start: Start) -> None:
    gateway = await start()

    with capture_logs() as logs:
        await gateway.client.get("/v2/studies", headers=SEARCH)

    assert [each for each in logs if each["event"] == "audit"] == []


async def test_a_file_that_was_rotated_away_is_begun_anew(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(audit__enabled=True, audit__file=path)
    await gateway.client.get("/v2/studies", headers=SEARCH)

    path.rename(tmp_path / "audit.jsonl.1")
    await gateway.client.get("/v2/series", headers=SEARCH)

    assert [each["route"] for each in entries(path)] == ["/v2/series"]
    assert len(entries(tmp_path / "audit.jsonl.1")) == 1


async def test_what_cannot_be_written_to_the_file_is_told_in_the_log(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "audit.jsonl"
    gateway = await start(audit__enabled=True, audit__file=path)
    path.unlink()
    path.mkdir()

    with capture_logs() as logs:
        for _ in range(2):
            answer = await gateway.client.get("/v2/studies", headers=SEARCH)
            assert answer.status_code == 204

    events = [each["event"] for each in logs if each["event"].startswith("audit")]
    assert events == ["audit_file_failed", "audit", "audit"]


def test_a_trail_that_the_log_would_leave_out_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsRejected, match=r"audit\.file"):
        load_settings({"audit.enabled": True, "logging.level": "warning"}, environment={})
