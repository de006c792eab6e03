"""`/api/v1/studies/{study}/findings`: the report of `hilum validate` on what is held."""

import io
from html.parser import HTMLParser

import pydicom
import pytest

from hilum.access import AccessScope
from tests.integration.http.conftest import Gateway, Start
from tests.planted import CT, FAULTS, base

_RIGHT = pydicom.dcmread(io.BytesIO(base(CT)))
STUDY = f"/api/v1/studies/{_RIGHT.StudyInstanceUID}"
SERIES = f"{STUDY}/series/{_RIGHT.SeriesInstanceUID}"


def of_another_instance(name: str, uid: str) -> bytes:
    fault = next(fault for fault in FAULTS if fault.name == name)
    dataset = pydicom.dcmread(io.BytesIO(fault.part10()))
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


async def keep(gateway: Gateway, *instances: bytes, **headers: str) -> None:
    for data in instances:
        answer = await gateway.client.post(
            "/dicom-web/studies",
            content=data,
            headers={"Content-Type": "application/dicom", **headers},
        )
        assert answer.status_code in (200, 202), answer.text


@pytest.fixture
async def filled(gateway: Gateway) -> Gateway:
    """A study of one right and one wrong instance."""
    wrong = of_another_instance("no FrameOfReferenceUID", "1.2.3.4")
    await keep(gateway, base(CT), wrong)
    return gateway


async def test_every_instance_is_told_of_with_what_is_wrong_and_how_it_is_mended(
    filled: Gateway,
) -> None:
    answer = await filled.client.get(f"{STUDY}/findings")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    right, wrong = document["files"]
    assert (right["sop_instance"], right["findings"]) == (_RIGHT.SOPInstanceUID, [])
    assert wrong["sop_instance"] == "1.2.3.4"
    (finding,) = wrong["findings"]
    assert finding["code"] == "attribute-missing"
    assert finding["where"] == "(0020,0052) FrameOfReferenceUID"
    assert finding["mend"].startswith("Add it")
    assert (document["errors"], document["files_with_errors"]) == (1, 1)
    (study,) = document["studies"]
    assert (study["study"], study["files"]) == (_RIGHT.StudyInstanceUID, 2)
    across = {each["code"] for each in study["findings"]}
    assert across == {"positions-equal", "instance-numbers-equal"}


async def test_the_profile_decides_what_is_an_error(filled: Gateway) -> None:
    practice = (await filled.client.get(f"{STUDY}/findings?profile=practice")).json()
    unknown = await filled.client.get(f"{STUDY}/findings?profile=mine")

    assert (practice["profile"], practice["errors"]) == ("practice", 0)
    assert practice["warnings"] > 0
    assert unknown.status_code == 400
    assert "give one of standard, practice, strict" in unknown.json()["detail"]


async def test_a_series_and_an_instance_have_reports_too(filled: Gateway) -> None:
    series = (await filled.client.get(f"{SERIES}/findings")).json()
    one = (await filled.client.get(f"{SERIES}/instances/1.2.3.4/findings")).json()

    assert len(series["files"]) == 2
    assert [each["sop_instance"] for each in one["files"]] == ["1.2.3.4"]


async def test_a_browser_gets_a_page_that_runs_nothing(filled: Gateway) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    answer = await filled.client.get(f"{STUDY}/findings", headers={"Accept": accept})

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    HTMLParser().feed(answer.text)
    assert "FrameOfReferenceUID (0020,0052)" in answer.text
    assert "1.2.3.4" in answer.text
    refused = await filled.client.get(f"{STUDY}/findings", headers={"Accept": "image/png"})
    assert refused.status_code == 406


async def test_an_etag_holds_until_the_study_changes(filled: Gateway) -> None:
    first = await filled.client.get(f"{STUDY}/findings")
    seen = {"If-None-Match": first.headers["etag"]}

    again = await filled.client.get(f"{STUDY}/findings", headers=seen)
    other = await filled.client.get(f"{STUDY}/findings?profile=strict", headers=seen)
    await keep(filled, of_another_instance("no FrameOfReferenceUID", "1.2.3.5"))
    changed = await filled.client.get(f"{STUDY}/findings", headers=seen)

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    assert len(changed.json()["files"]) == 3


async def test_an_object_that_was_lost_on_the_disk_is_a_finding(filled: Gateway) -> None:
    archive = filled.serving.archive
    stored, *_ = (archive.folder / "objects").rglob(f"{_RIGHT.SOPInstanceUID}.*.dcm")
    stored.unlink()

    document = (await filled.client.get(f"{STUDY}/findings")).json()

    lost = next(row for row in document["files"] if row["sop_instance"] == _RIGHT.SOPInstanceUID)
    assert [finding["code"] for finding in lost["findings"]] == ["file-unreadable"]
    assert document["files_with_errors"] == 2


async def test_what_is_not_held_or_too_much_is_refused(start: Start) -> None:
    gateway = await start(retrieve__findings_instances=1)
    await keep(gateway, base(CT), of_another_instance("no FrameOfReferenceUID", "1.2.3.4"))

    unknown = await gateway.client.get("/api/v1/studies/1.2.3/findings")
    malformed = await gateway.client.get("/api/v1/studies/1.2.x/findings")
    too_many = await gateway.client.get(f"{STUDY}/findings")

    assert (unknown.status_code, unknown.json()["title"]) == (404, "No such study here")
    assert malformed.status_code == 400
    assert too_many.status_code == 413
    assert "retrieve.findings_instances" in too_many.json()["detail"]


async def test_it_is_for_those_who_may_read(start: Start) -> None:
    gateway = await start(security__authentication="required")
    writer, reader = await gateway.key(AccessScope.WRITE), await gateway.key(AccessScope.READ)
    await keep(gateway, base(CT), **writer)

    statuses = [
        (await gateway.client.get(f"{STUDY}/findings", headers=headers)).status_code
        for headers in ({}, writer, reader)
    ]

    assert statuses == [401, 403, 200]
