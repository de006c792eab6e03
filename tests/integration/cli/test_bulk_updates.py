"""Checking, repairing and making the index again where bulk updates have left originals."""

import time
from typing import Any

import httpx
import pytest

from tests.instances import an_instance
from tests.integration.cli.conftest import Hilum
from tests.served_dicomweb import ServedDicomWeb

_STUDY = "1.2.826.0.1.3680043.10.77"
_ORIGINAL = {"msdicom-request-original": "true"}


def _update(client: httpx.Client, name: str) -> None:
    change = {"00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]}}
    body = {"studyInstanceUids": [_STUDY], "changeDataset": change}
    href = client.post("/v2/studies/$bulkUpdate", json=body).raise_for_status().json()["href"]
    deadline = time.monotonic() + 30
    while client.get(href).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.get(href).json()["status"] == "succeeded"


def _told(client: httpx.Client) -> Any:
    """Metadata of both editions, and the bytes of the files."""
    path = f"/v2/studies/{_STUDY}"
    files = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}

    def parts(answer: httpx.Response) -> list[bytes]:
        boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"').encode()
        return sorted(part.partition(b"\r\n\r\n")[2] for part in answer.content.split(boundary))

    return [
        (
            sorted(
                client.get(f"{path}/metadata", headers=edition).raise_for_status().json(),
                key=lambda each: each["00080018"]["Value"],
            ),
            parts(client.get(path, headers=files | edition).raise_for_status()),
        )
        for edition in ({}, _ORIGINAL)
    ]


@pytest.fixture
def updated(hilum: Hilum) -> tuple[Hilum, Any]:
    """An archive with a study of three instances that was updated twice, and what it tells."""
    with ServedDicomWeb(hilum.data, deletion={"delay_seconds": 0, "poll_seconds": 0.05}) as server:
        server.keep(
            *(
                an_instance(
                    StudyInstanceUID=_STUDY,
                    SeriesInstanceUID=f"{_STUDY}.1",
                    SOPInstanceUID=f"{_STUDY}.1.{number}",
                    PatientName="Old^Name",
                )
                for number in (1, 2, 3)
            )
        )
        with server.client() as client:
            _update(client, "First^Change")
            _update(client, "Second^Change")
            return hilum, _told(client)


def _asked(hilum: Hilum) -> Any:
    with ServedDicomWeb(hilum.data) as server, server.client() as client:
        return _told(client)


def _demand_sound(hilum: Hilum, told: Any) -> None:
    checked = hilum("fsck", "--deep", "--json")
    assert (checked.code, checked.json["clean"]) == (0, True), checked.out
    assert _asked(hilum) == told


def test_an_archive_with_originals_is_checked_and_repaired(updated: tuple[Hilum, Any]) -> None:
    hilum, told = updated
    names = [{each["00100010"]["Value"][0]["Alphabetic"] for each in some} for some, _ in told]
    assert names == [{"Second^Change"}, {"Old^Name"}]
    assert len(hilum.objects()) == 6
    assert hilum("fsck", "--deep", "--json").json["clean"]

    hilum.sql("DELETE FROM description WHERE instance_key = (SELECT min(key) FROM instance)")
    repaired = hilum("fsck", "--repair", "--json")

    assert repaired.code == 0, repaired.out
    _demand_sound(hilum, told)
    (original,) = hilum.sql(
        "SELECT v.object_key FROM original o JOIN instance_version v ON v.version = o.version "
        "ORDER BY o.version LIMIT 1"
    )
    name = original[0].rpartition("/")[2]
    (path,) = [each for each in hilum.objects() if each.name == name]
    path.unlink()
    lost = hilum("fsck", "--json")
    assert not lost.json["clean"]
    assert "has no object" in lost.out


@pytest.mark.slow
def test_a_rebuild_keeps_originals_beside_what_was_made_of_them(
    updated: tuple[Hilum, Any],
) -> None:
    hilum, told = updated
    for is_lost in (False, True):
        if is_lost:
            for path in hilum.data.glob("index.sqlite*"):
                path.unlink()

        ran = hilum("rebuild", "--json")

        assert (ran.code, ran.json["committed"], ran.json["revised"]) == (0, 6, 3)
        assert ran.json["superseded"] == 0
        _demand_sound(hilum, told)
