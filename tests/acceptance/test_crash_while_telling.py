"""SIGKILL while the feed is told: a receiver that drops repeats by id misses nothing, in order."""

import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, make_study
from tests.acceptance.crash import ROUNDS
from tests.acceptance.feeds import feed_at_rest
from tests.served import ServedHilum

_PER_REQUEST = 5
_HEADERS = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}
_TOLD_WITHIN_SECONDS = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServedHilum]:
    lines = (tmp_path / "events.jsonl").as_uri()
    served = ServedHilum(
        tmp_path,
        HILUM_SINKS=json.dumps({"lines": {"url": lines}}),
        HILUM_DELIVERY__SUBSCRIPTIONS=json.dumps([{"name": "all", "sink": "lines"}]),
        HILUM_DELIVERY__STABLE__QUIET_SECONDS="1",
        HILUM_DELIVERY__BATCH_EVENTS="7",
    )
    yield served
    served.close()


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_kills_while_telling_leave_no_gap_and_no_disorder(server: ServedHilum) -> None:
    acknowledged: set[str] = set()
    chance = random.Random(os.urandom(8))
    server.start()
    for _ in range(ROUNDS):
        _store_until_killed(server, acknowledged, chance.uniform(0.3, 2.0))
        server.start()
    assert acknowledged, "nothing was acknowledged: nothing was proved"
    feed = feed_at_rest(server)
    told = _told_up_to(server, feed[-1]["sequence"])
    assert server.stop() == 0

    events = list({event["event_id"]: event for event in told}.values())
    instances = [each for each in events if each["type"] == "hilum.instance.created.v1"]
    created = [each for each in feed if each["kind"] == "created"]
    assert [each["sequence"] for each in instances] == [each["sequence"] for each in created]
    assert {each["body"]["sop_instance_uid"] for each in instances} >= acknowledged
    stable = [each for each in feed if each["kind"] == "study-stable"]
    announced = [each for each in events if each["type"] == "dicom.metadata.v1"]
    assert [each["sequence"] for each in announced] == [each["sequence"] for each in stable]
    assert {each["key"] for each in announced} == {each["studyInstanceUid"] for each in created}
    newest = {each["key"]: each["body"] for each in announced}
    for study, body in newest.items():
        held = sum(each["studyInstanceUid"] == study for each in created)
        assert body["number_of_instances"] == held == len(body["instances"])


def _store_until_killed(server: ServedHilum, acknowledged: set[str], seconds: float) -> None:
    begun = threading.Event()

    def send() -> None:
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            while True:
                instances = make_study(_PER_REQUEST, ROWS_33_KB)
                (body,) = stow_bodies(instances, _PER_REQUEST)
                url = f"{server.url}/dicom-web/studies"
                answer = session.post(url, data=body, headers=_HEADERS, timeout=30)
                assert answer.status_code == 200
                acknowledged.update(one.sop_instance for one in instances)
                begun.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert begun.wait(30)
    time.sleep(seconds)
    server.kill()
    sender.join()


def _told_up_to(server: ServedHilum, sequence: int) -> list[dict[str, Any]]:
    """Every line the receiver has, repeats too, once it has the last one."""
    deadline = time.monotonic() + _TOLD_WITHIN_SECONDS
    while time.monotonic() < deadline:
        lines = (server.folder / "events.jsonl").read_text().splitlines()
        told = [json.loads(line) for line in lines if line.endswith("}")]
        if told and max(event["sequence"] for event in told) >= sequence:
            return told
        time.sleep(0.2)
    raise AssertionError("the last entry of the feed was not told")
