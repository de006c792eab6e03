"""An export and an import go on after SIGKILL, and do nothing twice or by halves."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.instances import an_instance
from tests.served import ServedHilum

pytestmark = pytest.mark.slow

STUDY = "1.2.826.0.1.3680043.10.13"
COUNT = 400
KILLS = 1


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def _ended(server: ServedHilum, job_id: str) -> dict[str, object]:
    told: dict[str, object] = {}

    def has_ended() -> bool:
        answer = httpx.get(f"{server.url}/v2/operations/{job_id}")
        told.update(answer.json())
        return answer.status_code == 200

    _until(has_ended)
    return told


def _done(server: ServedHilum, job_id: str) -> int:
    return int(httpx.get(f"{server.url}/api/v1/jobs/{job_id}").json()["done"])


def _killed_meanwhile(server: ServedHilum, job_id: str) -> None:
    """Kill the server when it got further, and start it again; some times."""
    for _ in range(KILLS):
        before = _done(server, job_id)
        _until(lambda before=before: _done(server, job_id) > before)  # type: ignore[misc]
        server.kill()
        server.start()


def test_an_import_and_an_export_survive_the_death_of_their_process(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    instances = {}
    for number in range(COUNT):
        uid = f"{STUDY}.1.{number}"
        data = an_instance(
            StudyInstanceUID=STUDY, SeriesInstanceUID=f"{STUDY}.1", SOPInstanceUID=uid
        )
        path = source / f"{number % 7}" / f"{number}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        instances[f"{uid}.dcm"] = data
    target.mkdir()
    settings = {
        "HILUM_TRANSFERS__FOLDERS": str(tmp_path),
        "HILUM_TRANSFERS__AT_ONCE": "1",
        "HILUM_OPERATIONS__LEASE_SECONDS": "1",
        "HILUM_OPERATIONS__POLL_SECONDS": "0.1",
    }
    with ServedHilum(tmp_path, **settings) as server:
        asked = {"source": {"type": "folder", "settings": {"path": str(source)}}}
        begun = httpx.post(f"{server.url}/api/v1/import", json=asked).raise_for_status().json()
        _killed_meanwhile(server, begun["id"])
        imported = _ended(server, begun["id"])

        identifiers = {"type": "identifiers", "settings": {"values": [STUDY]}}
        to = {"type": "folder", "settings": {"path": str(target)}}
        asked = {"source": identifiers, "destination": to}
        begun = httpx.post(f"{server.url}/v2/export", json=asked).raise_for_status().json()
        _killed_meanwhile(server, begun["id"])
        exported = _ended(server, begun["id"])

    results = imported["results"]
    assert isinstance(results, dict)
    assert imported["status"] == "succeeded"
    assert results["stored"] + results["alreadyHeld"] == COUNT
    assert (results["failed"], results["notDicom"]) == (0, 0)
    assert exported["status"] == "succeeded"
    assert exported["results"] == {
        "exported": COUNT,
        "skipped": 0,
        "errorHref": (target / begun["id"] / "errors.log").as_uri(),
    }
    files = {path.name: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert files == {**instances, "errors.log": b""}
