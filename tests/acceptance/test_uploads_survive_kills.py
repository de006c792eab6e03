"""SIGKILL to `hilum serve` while uploads are in its stages: each that was accepted is archived."""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from hilum.domain.submissions import SubmissionState
from tests.instances import an_instance, new_sop_instance_uid
from tests.served import ServedHilum

UPLOADS = 18
FILES = 4
KILLS = 3
SETTLE_SECONDS = 60.0


def upload(server: ServedHilum, sop_instances: Sequence[str]) -> str | None:
    """Send one form; the id when it was accepted, None when nobody answered."""
    files = [
        ("file", (f"{number}.dcm", an_instance(SOPInstanceUID=uid)))
        for number, uid in enumerate(sop_instances)
    ]
    try:
        answer = requests.post(f"{server.url}/upload", files=files, timeout=30)
    except requests.RequestException:
        return None
    return str(answer.json()["study_id"]) if answer.status_code == 202 else None


def settled(server: ServedHilum, study_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        status: Any = server.get_json(f"/status/{study_id}")
        if status["status"] in {"archived", "failed", "validation_failed"}:
            return dict(status)
        time.sleep(0.05)
    raise AssertionError(f"{study_id} did not settle")


def held(server: ServedHilum) -> list[str]:
    """SOP Instance UIDs that a search finds."""
    found: Any = server.get_json(f"/dicom-web/instances?limit={10 * UPLOADS * FILES}")
    return [each["00080018"]["Value"][0] for each in found or []]


@pytest.mark.slow
def test_accepted_uploads_reach_the_archive_whenever_the_server_is_killed(tmp_path: Path) -> None:
    chance = random.Random(5)
    accepted: dict[str, Sequence[str]] = {}
    sent: set[str] = set()
    with ServedHilum(tmp_path) as server, ThreadPoolExecutor(UPLOADS) as senders:
        for _ in range(KILLS):
            batches = [
                [new_sop_instance_uid() for _ in range(FILES)] for _ in range(UPLOADS // KILLS)
            ]
            sent.update(uid for batch in batches for uid in batch)
            answers = [senders.submit(upload, server, batch) for batch in batches]
            time.sleep(chance.uniform(0.05, 0.5))  # anywhere between form and archive
            server.kill()
            for batch, answer in zip(batches, answers, strict=True):
                study_id = answer.result()
                if study_id is not None:
                    accepted[study_id] = batch
            server.start()
        statuses = {study_id: settled(server, study_id) for study_id in accepted}
        uids = held(server)

    assert accepted
    for status in statuses.values():
        ranks = [SubmissionState(step["status"]).rank for step in status["history"]]
        files = status["files"]
        assert status["status"] == "archived"
        assert ranks == sorted(set(ranks))
        assert files.get("archived", 0) + files.get("already_held", 0) == FILES
    assert len(uids) == len(set(uids))
    assert {uid for batch in accepted.values() for uid in batch} <= set(uids) <= sent
