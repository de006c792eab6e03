"""SIGKILL during concurrent STOW: nothing acknowledged is lost, nothing is half kept.

Three rounds by default; CRASH_ROUNDS=20 makes the long run.
"""

import http.client
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study
from tests.served import ServedHilum

_ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))
_CONNECTIONS = 4
_PER_REQUEST = 5


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * _ROUNDS)
def test_a_crash_loses_nothing_acknowledged_and_shows_nothing_half_kept(
    own_server: ServedHilum,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    sent: dict[str, Instance] = {}
    acknowledged: set[str] = set()
    own_server.start()
    for number in range(_ROUNDS):
        _store_until_killed(own_server, sent, acknowledged, chance.uniform(0.05, 1.5))
        own_server.start()
        _prove(own_server, sent, acknowledged, f"round {number}, seed {seed}")
    assert acknowledged, "no request was answered before the kills: the test proved nothing"
    assert len(acknowledged) < len(sent), "no request was cut off: the test proved nothing"


def _store_until_killed(
    server: ServedHilum, sent: dict[str, Instance], acknowledged: set[str], seconds: float
) -> None:
    """Store over several connections until the server is killed after `seconds`."""
    first_request = threading.Event()
    threads = [
        threading.Thread(target=_sender, args=(server, sent, acknowledged, first_request))
        for _ in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    assert first_request.wait(30)
    time.sleep(seconds)
    server.kill()
    for thread in threads:
        thread.join()


def _sender(
    server: ServedHilum,
    sent: dict[str, Instance],
    acknowledged: set[str],
    first_request: threading.Event,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    while True:
        instances = make_study(_PER_REQUEST, ROWS_33_KB)
        sent.update({one.sop_instance: one for one in instances})
        headers = {
            "Accept": "application/dicom+json",
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
        }
        try:
            (body,) = stow_bodies(instances, _PER_REQUEST)
            first_request.set()
            connection.request("POST", "/dicom-web/studies", body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return
        assert answer.status == 200
        acknowledged.update(one.sop_instance for one in instances)


def _prove(
    server: ServedHilum, sent: dict[str, Instance], acknowledged: set[str], where: str
) -> None:
    root = f"{server.url}/dicom-web"
    visible = _visible(root)
    missing = acknowledged - visible
    assert not missing, f"{where}: {len(missing)} acknowledged instances are gone"
    for sop_instance in visible:
        instance = sent[sop_instance]
        path = f"/studies/{instance.study}/series/{instance.series}/instances/{sop_instance}"
        answer = requests.get(
            root + path,
            headers={"Accept": "application/dicom; transfer-syntax=*"},
            timeout=30,
        )
        assert answer.status_code == 200, f"{where}: {path}"
        assert answer.content == instance.part10, f"{where}: {path} is not what was sent"
    feed = _feed(server)
    assert set(feed) == visible, f"{where}: feed and archive disagree"
    assert set(feed.values()) <= {1}, f"{where}: the feed has an instance more than once"
    assert not _left_over(server.data), f"{where}: spool files were left"
    check = server.run("fsck", "--deep")
    assert check.returncode == 0, f"{where}: {check.stdout}\n{check.stderr}"


def _visible(root: str) -> set[str]:
    """Every SOP Instance UID that a search shows, page by page."""
    found: set[str] = set()
    while True:
        answer = requests.get(
            f"{root}/instances?limit=1000&offset={len(found)}",
            headers={"Accept": "application/dicom+json"},
            timeout=60,
        )
        rows = answer.json() if answer.status_code == 200 and answer.content else []
        if not rows:
            return found
        found.update(row["00080018"]["Value"][0] for row in rows)


def _feed(server: ServedHilum) -> "Counter[str]":
    """How often the feed tells that an instance was created."""
    told: Counter[str] = Counter()
    after = 0
    while True:
        page = server.get_json(f"/api/v1/feed?after={after}&limit=1000")
        assert isinstance(page, list)
        if not page:
            return told
        told.update(entry["sopInstanceUid"] for entry in page if entry["kind"] == "created")
        after = page[-1]["sequence"]


def _left_over(data: Path) -> list[Path]:
    """Files of arrivals in the spool and among what is being written; locks are no arrivals."""
    places = (data / "spool", data / "incoming")
    files = (path for place in places for path in place.rglob("*") if path.is_file())
    return [path for path in files if path.name not in {"lock", ".exclusive"}]
