"""What went wrong in the validator that this one follows, each as a test that it cannot here.

The numbers are those of docs/conformance/validator-seed.md.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

from hilum.bootstrap.serving import serve
from hilum.domain.submissions import SubmissionState
from hilum.settings import load_settings
from tests.instances import STUDY
from tests.integration.http.conftest import Gateway, Start
from tests.integration.upload.forms import a_file, file_part, form, post, settled

REQUIRED: Final = (
    "PatientID", "PatientName", "StudyDate", "StudyTime", "Modality", "StudyDescription",
    "StudyInstanceUID", "AccessionNumber",
)  # fmt: skip
DEMANDING: Final = {
    "validation__profiles": {"demanding": {"base": "practice", "require": REQUIRED}},
    "upload__depth": "demanding",
}


def a_complete_ct(number: int = 1) -> bytes:
    return a_file(number, StudyTime="101112", StudyDescription="Head", AccessionNumber="A-1")


async def uploaded(gateway: Gateway, *files: bytes) -> str:
    """Its study_id, as soon as it was accepted."""
    answer = await post(gateway, form(*(file_part(each) for each in files)))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["study_id"])


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def events(gateway: Gateway, study_id: str) -> list[dict[str, Any]]:
    """What the feed tells of an upload, as every sink is told."""
    index = gateway.serving.archive.index
    kinds = [entry for entry in await index.feed(0, 1000) if entry.kind.of_submission]
    told = [json.loads(entry.payload or "") for entry in kinds]
    return [each for each in told if each["study_id"] == study_id]


async def test_1_required_attributes_are_found_by_their_keywords(start: Start) -> None:
    gateway = await start(**DEMANDING)
    complete = await settled(gateway, await uploaded(gateway, a_complete_ct()))
    lacking = await settled(gateway, await uploaded(gateway, a_file(2)))

    assert complete["status"] == "archived"
    assert lacking["status"] == "validation_failed"
    details = lacking["details"]["validation_details"]
    assert details["missing_tags"] == ["AccessionNumber", "StudyDescription", "StudyTime"]
    assert details["is_valid"] is False


async def test_2_the_event_of_a_valid_study_tells_size_modality_and_date(start: Start) -> None:
    gateway = await start()
    data = a_complete_ct()
    study_id = await uploaded(gateway, data)
    await settled(gateway, study_id)

    told = [each["data"] for each in await events(gateway, study_id)]
    (details,) = [each["validation_details"] for each in told if "validation_details" in each]
    assert details["is_valid"] is True
    assert details["errors"] == details["missing_tags"] == []
    assert (details["file_size"], details["modality"]) == (len(data), "CT")
    assert details["study_date"] == "20240229"


async def test_3_a_study_reaches_archived_and_is_found(start: Start) -> None:
    gateway = await start()
    done = await settled(gateway, await uploaded(gateway, a_complete_ct()))

    assert done["status"] == "archived"
    found = await gateway.client.get(f"/dicom-web/studies/{STUDY}/instances")
    assert len(found.json()) == 1


async def test_4_accepted_is_202_and_no_state_is_overwritten_by_an_earlier_one(
    start: Start,
) -> None:
    gateway = await start()
    for number in range(10):
        done = await settled(gateway, await uploaded(gateway, a_complete_ct(number)))
        history = [SubmissionState(step["status"]) for step in done["history"]]
        assert [state.rank for state in history] == sorted(state.rank for state in history)
        assert history[0] is SubmissionState.UPLOADED
        assert history[-1] is SubmissionState.ARCHIVED
        times = [datetime.fromisoformat(step["time"]) for step in done["history"]]
        assert times == sorted(times)


async def test_5_whoever_posts_a_state_goes_through_the_same_rows(start: Start) -> None:
    gateway = await start()
    study_id = await uploaded(gateway, a_complete_ct())
    before = await settled(gateway, study_id)

    back = await gateway.client.post(f"/status/{study_id}", json={"status": "validating"})

    assert back.status_code == 409
    after = (await gateway.client.get(f"/status/{study_id}")).json()
    assert after["history"] == before["history"]


async def test_6_the_file_is_moved_to_original_dcm_and_nothing_stays_behind(start: Start) -> None:
    gateway = await start()
    data = a_complete_ct()
    study_id = await uploaded(gateway, data)
    done = await settled(gateway, study_id)

    folder = Path(done["details"]["archive_path"])
    assert folder == gateway.serving.archive.folder / "archive" / study_id
    assert names_in(folder) == ["metadata.json", "original.dcm"]
    assert (folder / "original.dcm").read_bytes() == data
    assert done["details"]["metadata_file"] == str(folder / "metadata.json")
    holding = gateway.serving.archive.holding
    assert [held async for held in holding.list()] == []


async def test_7_what_cannot_be_described_is_not_archived_until_it_can(start: Start) -> None:
    gateway = await start(bus__retry_seconds=0.1)
    own = gateway.serving.archive.folder / "archive" / ".hilum"
    (own / "turns").rename(own / "away")
    study_id = await uploaded(gateway, a_complete_ct())
    async with asyncio.timeout(20):
        while True:
            now = (await gateway.client.get(f"/status/{study_id}")).json()
            assert now["status"] != "archived"
            if now["status"] == "processing":
                break
            await asyncio.sleep(0.02)
    (own / "away").rename(own / "turns")

    done = await settled(gateway, study_id)

    assert done["status"] == "archived"
    assert "error" not in done["details"]
    assert names_in(Path(done["details"]["archive_path"])) == ["metadata.json", "original.dcm"]


async def test_8_the_limit_counts_what_comes_and_others_are_answered_meanwhile(
    start: Start,
) -> None:
    gateway = await start(upload__file_bytes=100_000)
    others: list[float] = []

    async def endless() -> AsyncIterator[bytes]:
        yield file_part(a_complete_ct())[:-2]
        for _ in range(20):
            yield bytes(10_000)
            began = asyncio.get_running_loop().time()
            assert (await gateway.client.get("/health")).status_code == 200
            others.append(asyncio.get_running_loop().time() - began)

    try:
        answer = await post(gateway, endless())
    except httpx.WriteError:  # refused and hung up before all of it was sent
        pass
    else:
        assert answer.status_code == 413
        assert "upload.file_bytes" in answer.text
    assert len(others) >= 5
    assert max(others) < 2
    assert (await gateway.client.get("/api/v1/uploads")).json()["uploads"] == []


async def test_9_a_restart_loses_no_study(tmp_path: Path) -> None:
    settings = load_settings(
        {"data_dir": tmp_path, "http.port": 0, "dimse.port": 0, "storage.reserve_bytes": 0},
        environment={},
    )
    async with serve(settings) as serving, httpx.AsyncClient(base_url=serving.http.url) as client:
        accepted = []
        for number in range(10):
            files = {"file": ("x.dcm", a_complete_ct(number), "application/dicom")}
            accepted.append((await client.post("/upload", files=files)).json()["study_id"])
    async with serve(settings) as serving, httpx.AsyncClient(base_url=serving.http.url) as client:
        gateway = Gateway(serving, client)
        ended = [(await settled(gateway, each))["status"] for each in accepted]
    assert ended == ["archived"] * 10


async def test_pixel_data_cut_short_is_kept_apart_and_never_archived(start: Start) -> None:
    """The plan wanted "no corruption", which its code never looked for."""
    gateway = await start()
    study_id = await uploaded(gateway, a_file(7, Rows=64, Columns=64, PixelData=bytes(100)))

    done = await settled(gateway, study_id)

    assert done["status"] == "validation_failed"
    (found,) = done["findings"]
    assert found["code"] == "pixel-length"
    assert found["quarantine"] is not None
    assert not (gateway.serving.archive.folder / "archive" / study_id).exists()
    held = await gateway.client.get(f"/dicom-web/studies/{STUDY}/instances")
    assert held.status_code == 204 or held.json() == []
