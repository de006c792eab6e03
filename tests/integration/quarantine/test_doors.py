"""What doors refuse lies in quarantine, can be repaired, and is found in the archive then."""

import asyncio
import hashlib
import io
from datetime import datetime, timedelta

import pydicom
import pytest

from hilum.access import AccessScope
from hilum.bootstrap.quarantine import expiring
from hilum.foundation.clock import SystemClock
from hilum.ports.quarantine_telemetry import NoQuarantineMeter
from tests.instances import a_multipart
from tests.integration.http.conftest import Gateway, Start
from tests.integration.quarantine.senders import a_faulty_ct, part10, send
from tests.integration.upload.test_served import settled
from tests.ports import free_port


async def a_gateway(start: Start, **settings: object) -> Gateway:
    return await start(dimse__port=free_port(), dimse__validation_profile="strict", **settings)


async def test_what_c_store_refuses_is_listed_repaired_and_found(start: Start) -> None:
    gateway = await a_gateway(start)
    dataset = a_faulty_ct(StudyDate=b"2004.01.19", PatientID=None)
    pixels = dataset.PixelData

    (status,) = await send(gateway.serving, dataset)

    assert status == 0xA900
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    assert (listed["door"], listed["state"], listed["peer"]) == (
        "c-store", "held", "MODALITY@127.0.0.1"
    )  # fmt: skip
    assert listed["sop_instance_uid"] == dataset.SOPInstanceUID

    shown = (await gateway.client.get(f"/api/v1/quarantine/{listed['key']}")).json()
    assert {each["name"] for each in shown["repairs"]} >= {"add-type2", "fix-vr-values"}
    assert shown["would_pass"]
    mends = {finding["tag"] for repair in shown["repairs"] for finding in repair["mends"]}
    assert {"(0008,0020)", "(0010,0020)"} <= mends

    answer = await gateway.client.post(
        f"/api/v1/quarantine/{listed['key']}/repair", json={"reason": "asked the ward"}
    )
    assert answer.status_code == 200, answer.text
    repaired = answer.json()
    assert (repaired["state"], repaired["outcome"]["disposition"]) == ("repaired", "created")
    assert repaired["history"][-1]["text"].endswith("asked the ward")

    found = await gateway.client.get("/dicom-web/instances?StudyDate=20040119")
    assert [each["00080018"]["Value"] for each in found.json()] == [[dataset.SOPInstanceUID]]
    object_key = (
        f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
        f"/instances/{dataset.SOPInstanceUID}"
    )
    stored = await gateway.client.get(
        object_key, headers={"Accept": "application/dicom; transfer-syntax=*"}
    )
    mended = pydicom.dcmread(io.BytesIO(stored.content))
    assert mended.PixelData == pixels
    assert mended.PatientID == ""
    (original,) = mended.OriginalAttributesSequence
    assert original.ReasonForTheAttributeModification == "CORRECT"
    assert original.ModifiedAttributesSequence[0].StudyDate == ""
    (former,) = (
        each
        for each in original.NonconformingModifiedAttributesSequence
        if each.SelectorAttribute == 0x00080020
    )
    assert former.NonconformingDataElementValue == b"2004.01.19"


async def test_the_original_can_be_had_until_it_expires(start: Start) -> None:
    gateway = await a_gateway(start, quarantine__retention_days=1)
    await send(gateway.serving, a_faulty_ct(StudyDate=b"2004.01.19"))
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"
    before = (await gateway.client.get(f"{path}/file")).content
    await gateway.client.post(f"{path}/repair")
    after = (await gateway.client.get(f"{path}/file")).content

    archive = gateway.serving.archive

    class Later(SystemClock):
        def now(self) -> datetime:
            return super().now() + timedelta(days=2)

    assert await expiring(archive, Later(), NoQuarantineMeter()).expire() == 1

    assert hashlib.sha256(before).digest() == hashlib.sha256(after).digest()
    gone = await gateway.client.get(f"{path}/file")
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/not-held")
    assert (await gateway.client.get(path)).json()["state"] == "repaired"


async def test_the_original_of_something_repaired_can_be_given_up(start: Start) -> None:
    gateway = await a_gateway(start)
    await send(gateway.serving, a_faulty_ct(StudyDate=b"2004.01.19"))
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"
    wanted = {"reason": "deleted by request", "original": True}
    before = await gateway.client.post(f"{path}/discard", json=wanted)
    await gateway.client.post(f"{path}/repair")
    assert (await gateway.client.get(f"{path}/file")).status_code == 200

    answers = [await gateway.client.post(f"{path}/discard", json=wanted) for _ in range(2)]

    assert (before.status_code, before.json()["type"]) == (409, "/problems/not-repaired")
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await gateway.client.get(f"{path}/file")).status_code == 404
    shown = (await gateway.client.get(path)).json()
    assert shown["state"] == "repaired"
    assert [step["text"] for step in shown["history"]][2:] == [
        "The original is discarded. deleted by request"
    ]
    assert len((await gateway.client.get("/dicom-web/instances")).json()) == 1


async def test_a_repair_that_changes_uids_takes_the_place_of_nothing(start: Start) -> None:
    gateway = await a_gateway(start)
    there = a_faulty_ct(SOPInstanceUID=b"1.2.3.4")
    wrong = a_faulty_ct(SOPInstanceUID=b"1.2.03.4", PatientID=b"somebody else")
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
    await gateway.client.post(
        "/dicom-web/studies", content=a_multipart(part10(there)), headers=headers
    )
    uploaded = await gateway.client.post("/upload", files={"file": ("a.dcm", part10(wrong))})
    await settled(gateway, uploaded.json()["study_id"])
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"

    repaired = await gateway.client.post(f"{path}/repair")

    assert (repaired.status_code, repaired.json()["type"]) == (409, "/problems/still-refused")
    assert "Other bytes are held" in repaired.json()["detail"]
    assert (await gateway.client.get(path)).json()["state"] == "held"
    (found,) = (await gateway.client.get("/dicom-web/instances?includefield=00100020")).json()
    assert found["00100020"]["Value"] == [there.PatientID]


async def test_a_sender_that_repeats_what_is_refused_fills_nothing(start: Start) -> None:
    gateway = await a_gateway(start)
    dataset = a_faulty_ct(StudyDate=b"2004.01.19")

    await send(gateway.serving, dataset, dataset)
    (status,) = await send(gateway.serving, dataset)

    listed = (await gateway.client.get("/api/v1/quarantine")).json()
    assert status == 0xA900
    assert len(listed) == 1


async def test_a_full_quarantine_keeps_nothing_and_refuses_as_before(start: Start) -> None:
    gateway = await a_gateway(start, quarantine__maximum_files=1)
    first, second = a_faulty_ct(StudyDate=b"2004.01.19"), a_faulty_ct(StudyDate=b"2004-01-19")

    statuses = await send(gateway.serving, first, second)

    assert statuses == [0xA900, 0xA900]
    assert len((await gateway.client.get("/api/v1/quarantine")).json()) == 1
    page = (await gateway.client.get("/metrics")).text
    assert 'hilum_quarantine_not_kept_total{cause="full",door="c-store"} 1.0' in page
    assert "hilum_quarantine_files 1.0" in page
    ready = (await gateway.client.get("/ready")).text
    assert "Full, so that what is refused is not kept any more" in ready


@pytest.mark.parametrize("memory_bytes", [1 << 20, 1000])
async def test_other_bytes_under_uids_that_are_held_can_become_the_new_version(
    start: Start, memory_bytes: int
) -> None:
    gateway = await a_gateway(start, dimse__memory_dataset_bytes=memory_bytes)
    await send(gateway.serving, a_faulty_ct())

    other = a_faulty_ct(StudyDescription=b"other")
    statuses = await send(gateway.serving, other, other)

    assert statuses == [0x0111, 0x0111]
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    assert (listed["code"], listed["sop_instance_uid"]) == ("conflict", other.SOPInstanceUID)
    path = f"/api/v1/quarantine/{listed['key']}"
    held = pydicom.dcmread(io.BytesIO((await gateway.client.get(f"{path}/file")).content))
    assert (held.StudyDescription, held.PixelData) == ("other", other.PixelData)
    released = (await gateway.client.post(f"{path}/release")).json()
    assert released["outcome"]["disposition"] == "new-version"
    (found,) = (await gateway.client.get("/dicom-web/studies?includefield=00081030")).json()
    assert found["00081030"]["Value"] == ["other"]


async def test_conflicts_are_not_kept_where_nobody_wants_them(start: Start) -> None:
    gateway = await a_gateway(start, quarantine__conflicts=False)

    statuses = await send(gateway.serving, a_faulty_ct(), a_faulty_ct(StudyDescription=b"other"))

    assert statuses == [0, 0x0111]
    assert (await gateway.client.get("/api/v1/quarantine")).json() == []


async def test_stow_keeps_what_it_refuses_only_when_told_to(start: Start) -> None:
    gateway = await a_gateway(start, quarantine__doors="stow")
    faulty = part10(a_faulty_ct(StudyInstanceUID=None))
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}

    stored = await gateway.client.post(
        "/dicom-web/studies", content=a_multipart(faulty), headers=headers
    )
    await send(gateway.serving, a_faulty_ct(StudyDate=b"2004.01.19"))

    assert stored.status_code == 409
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    assert (listed["door"], listed["code"]) == ("stow", "attribute-missing")
    bytes_kept = await gateway.client.get(f"/api/v1/quarantine/{listed['key']}/file")
    assert bytes_kept.content == faulty


async def test_released_as_it_is_and_no_more_in_quarantine(start: Start) -> None:
    gateway = await a_gateway(start)
    dataset = a_faulty_ct(StudyDate=b"2004.01.19")
    await send(gateway.serving, dataset)
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"

    released = await gateway.client.post(f"{path}/release", json={"reason": "as agreed"})
    again = await gateway.client.post(f"{path}/release")

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/quarantine-decided")
    found = await gateway.client.get("/dicom-web/instances")
    assert [each["00080018"]["Value"] for each in found.json()] == [[dataset.SOPInstanceUID]]
    assert (await gateway.client.get(f"{path}/file")).status_code == 404


async def test_what_even_minimal_refuses_cannot_be_released(start: Start) -> None:
    gateway = await a_gateway(start)
    await send(gateway.serving, a_faulty_ct(StudyInstanceUID=None))
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"

    released = await gateway.client.post(f"{path}/release")
    repaired = await gateway.client.post(f"{path}/repair")

    assert (released.status_code, released.json()["type"]) == (409, "/problems/still-refused")
    assert "(0020,000d)" in released.json()["detail"]
    assert repaired.status_code == 409
    assert (await gateway.client.get(path)).json()["state"] == "held"
    assert (await gateway.client.get("/dicom-web/instances")).status_code in {200, 204}


async def test_of_two_operators_one_decides(start: Start) -> None:
    gateway = await a_gateway(start)
    await send(gateway.serving, a_faulty_ct(StudyDate=b"2004.01.19"))
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"

    answers = await asyncio.gather(
        *(gateway.client.post(f"{path}/repair") for _ in range(3)),
        gateway.client.post(f"{path}/discard"),
    )

    codes = sorted(answer.status_code for answer in answers)
    shown = (await gateway.client.get(path)).json()
    assert codes == [200, 409, 409, 409]
    assert shown["state"] in {"repaired", "discarded"}
    assert len(shown["history"]) == 2


async def test_wrong_questions_are_told_what_is_wrong(start: Start) -> None:
    gateway = await a_gateway(start)
    await send(gateway.serving, a_faulty_ct(StudyDate=b"2004.01.19"))
    (listed,) = (await gateway.client.get("/api/v1/quarantine")).json()
    path = f"/api/v1/quarantine/{listed['key']}"

    async def problem(method: str, url: str, **more: object) -> tuple[int, str]:
        answer = await gateway.client.request(method, url, **more)  # type: ignore[arg-type]
        return answer.status_code, answer.json()["type"].removeprefix("/problems/")

    assert await problem("GET", "/api/v1/quarantine/99") == (404, "quarantined-not-found")
    assert await problem("GET", "/api/v1/quarantine/x") == (404, "not-held")
    assert await problem("GET", "/api/v1/quarantine?state=lost") == (400, "invalid-query")
    assert await problem("POST", f"{path}/repair", json={"coercions": ["fix-all"]}) == (
        400, "invalid-request",
    )  # fmt: skip
    assert await problem("POST", f"{path}/repair", json={"coercions": "fix-meta"}) == (
        400, "malformed-body",
    )  # fmt: skip
    assert await problem("POST", f"{path}/repair", json={"coercions": ["fix-uids"]}) == (
        409, "nothing-to-repair",
    )  # fmt: skip
    assert await problem("POST", f"{path}/release", json={"profile": "none"}) == (
        400, "invalid-request",
    )  # fmt: skip


async def test_each_decision_needs_its_scope(start: Start) -> None:
    gateway = await a_gateway(start, security__authentication="required")
    reading = await gateway.key(AccessScope.READ)
    writing = await gateway.key(AccessScope.WRITE)

    async def status(method: str, path: str, headers: dict[str, str]) -> int:
        url = f"/api/v1/quarantine{path}"
        return (await gateway.client.request(method, url, headers=headers)).status_code

    assert await status("GET", "", {}) == 401
    assert await status("GET", "", reading) == 200
    assert await status("GET", "", writing) == 403
    assert await status("POST", "/1/repair", reading) == 403
    assert await status("POST", "/1/repair", writing) == 404
    assert await status("POST", "/1/release", writing) == 403
    assert await status("POST", "/1/discard", writing) == 403
