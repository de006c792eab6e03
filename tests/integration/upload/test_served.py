"""One process with all roles: what is uploaded is archived, what was in hand is not forgotten."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from hilum.domain.submissions import SUBMISSION_SETTLED
from tests.instances import an_instance
from tests.integration.http.conftest import Gateway, Start
from tests.integration.upload.stages import read, uploads, zipped

CT = read(get_testdata_file("CT_small.dcm"))


async def settled(gateway: Gateway, study_id: str) -> dict[str, Any]:
    """The status of an upload once it has come to rest."""
    moved = gateway.serving.archive.index.submissions.moved
    async with asyncio.timeout(30):
        while True:
            rung = moved.rung
            status: dict[str, Any] = (await gateway.client.get(f"/status/{study_id}")).json()
            if status["status"] in SUBMISSION_SETTLED:
                return status
            await moved.wait(rung, 1.0)


async def test_an_upload_is_archived_and_found_by_a_search(gateway: Gateway) -> None:
    archive = zipped(CT, ("broken.dcm", CT[:20_000]))

    answer = await gateway.client.post("/upload", files={"file": ("study.zip", archive)})
    status = await settled(gateway, answer.json()["study_id"])

    found = await gateway.client.get("/dicom-web/instances")
    assert answer.status_code == 202
    assert status["status"] == "archived"
    assert status["partial"]
    assert status["files"] | {"bytes": 0} == {
        "total": 3, "bytes": 0, "unpacked": 1, "archived": 1, "quarantined": 1,
    }  # fmt: skip
    (broken,) = status["findings"]
    assert (broken["name"], broken["code"]) == ("broken.dcm", "truncated-instance")
    assert broken["findings"][0]["tag"] == "(7fe0,0010)"
    assert broken["findings"][0]["mend"]
    assert broken["quarantine"] is not None
    assert len(found.json()) == 1


@pytest.mark.parametrize("stage", ["received", "validated"])
async def test_what_a_dead_process_had_in_hand_is_archived_by_the_next(
    tmp_path: Path, start: Start, stage: str
) -> None:
    async with uploads(tmp_path / "data") as before:
        study_id = await before.submit(CT, an_instance())
        if stage == "validated":
            await before.work.validating(study_id)

    status = await settled(await start(), study_id)

    assert status["status"] == "archived"
    assert status["files"]["archived"] == 2


async def test_metrics_tell_what_became_of_uploads(gateway: Gateway) -> None:
    for data in (CT, CT[:5000]):
        answer = await gateway.client.post("/upload", files={"file": ("a.dcm", data)})
        await settled(gateway, answer.json()["study_id"])

    lines = {
        'hilum_submissions_settled_total{state="archived"} 1.0',
        'hilum_submissions_settled_total{state="validation_failed"} 1.0',
        'hilum_submission_files_total{state="quarantined"} 1.0',
        'hilum_submission_stage_seconds_count{stage="validator"} 2.0',
    }
    page: list[str] = []
    async with asyncio.timeout(10):  # they are counted when the state is known already
        while not lines <= set(page):
            page = (await gateway.client.get("/metrics")).text.splitlines()
