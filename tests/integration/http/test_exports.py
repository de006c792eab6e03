"""Exports to a folder: what must not leave, and out of data partitions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb
from tests.transfers import ended

STUDY = "1.2.826.0.1.3680043.10.15"
LARGE = 5 << 20


def _instance(number: int, size_bytes: int = 0) -> bytes:
    uids = {"StudyInstanceUID": STUDY, "SeriesInstanceUID": f"{STUDY}.1"}
    return an_instance(size_bytes, **uids, SOPInstanceUID=f"{STUDY}.1.{number}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "exported"
    folder.mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[ServedDicomWeb]:
    allowed = {"folders": [folder], "listed_errors": 2}
    partitions = {"enabled": True}
    with ServedDicomWeb(tmp_path / "data", transfers=allowed, partitions=partitions) as served:
        yield served


def _exported(
    client: httpx.Client, folder: Path, partition: str, *identifiers: str
) -> tuple[dict[str, Any], Path]:
    """How it ended, and the folder of its files."""
    source = {"type": "identifiers", "settings": {"values": identifiers}}
    to = {"type": "folder", "settings": {"path": str(folder), "prefix": ""}}
    body = {"source": source, "destination": to}
    begun = client.post(f"/v2/partitions/{partition}/export", json=body)
    assert begun.status_code == 202, begun.text
    assert "/partitions/" not in begun.json()["href"]
    return ended(client, begun.json()["href"]), folder / begun.json()["id"]


def _errors(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "errors.log").read_text().splitlines()]


def test_instances_that_are_damaged_stay_and_are_told(server: ServedDicomWeb, folder: Path) -> None:
    server.keep_at_once(_instance(1), _instance(2, LARGE), _instance(3))
    for path in (server.archive.folder / "objects").rglob("*.dcm"):
        if not path.name.startswith(f"{STUDY}.1.3."):
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-1] + b"!")
    with server.client() as client:
        told, files = _exported(client, folder, "Microsoft.Default", STUDY)

    assert told["status"] == "succeeded"
    assert (told["results"]["exported"], told["results"]["skipped"]) == (1, 2)
    assert [path.read_bytes() for path in files.rglob("*.dcm")] == [_instance(3)]
    assert [path.name for path in files.rglob("*") if path.is_file()].count("errors.log") == 1
    assert len(list(files.rglob("*.hilum*"))) == 0
    errors = _errors(files)
    assert {each["identifier"] for each in errors} == {
        f"{STUDY}/{STUDY}.1/{STUDY}.1.{number}" for number in (1, 2)
    }
    assert all("not those that were kept" in each["error"] for each in errors)


def test_only_the_partition_of_the_request_is_exported(
    server: ServedDicomWeb, folder: Path
) -> None:
    with server.client() as client:
        for number, partition in enumerate(("one", "two")):
            client.post(
                f"/v2/partitions/{partition}/studies",
                content=_instance(number),
                headers={"Content-Type": "application/dicom"},
            ).raise_for_status()
        told, files = _exported(client, folder, "two", STUDY)

    assert told["results"]["exported"] == 1
    assert [path.read_bytes() for path in files.rglob("*.dcm")] == [_instance(1)]


def test_errors_beyond_the_limit_are_counted(server: ServedDicomWeb, folder: Path) -> None:
    unknown = [f"{STUDY}.{number}" for number in range(5)]
    server.keep(_instance(1))
    with server.client() as client:
        told, files = _exported(client, folder, "Microsoft.Default", *unknown)

    assert told["results"]["skipped"] == 5
    errors = _errors(files)
    assert [each["identifier"] for each in errors] == [*unknown[:2], ""]
    assert errors[-1]["error"].startswith("3 more")


def test_a_folder_that_is_not_there_fails_the_operation(
    server: ServedDicomWeb, folder: Path
) -> None:
    server.keep(_instance(1))
    with server.client() as client:
        told, _ = _exported(client, folder / "none", "Microsoft.Default", STUDY)

    assert told["status"] == "failed"
    assert "make it first" in told["error"]
