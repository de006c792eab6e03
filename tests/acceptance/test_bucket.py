"""`hilum serve` with its objects on an S3 server, which is killed and comes back."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study
from tests.acceptance.crash import ROUNDS, crash_rounds
from tests.acceptance.test_crash_over_http import _send
from tests.buckets import Bucket, an_s3_bucket
from tests.contract.index.engines import engine_of
from tests.engines import own
from tests.served import ServedHilum

_HEADERS = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}
_ROWS_OF_A_LARGE_ONE = 2600
"""Squared, of two bytes: more than one part."""
_PATIENCE = {
    "HILUM_STORAGE__REMOTE__RETRY_SECONDS": "2",
    "HILUM_STORAGE__REMOTE__REQUEST_SECONDS": "10",
    "HILUM_STORAGE__REMOTE__OPERATION_SECONDS": "10",
    "HILUM_TELEMETRY__READINESS_CACHE_SECONDS": "0.05",
    "HILUM_DELETION__DELAY_SECONDS": "0",
    "HILUM_DELETION__POLL_SECONDS": "0.2",
    "HILUM_DELETION__RETRY_SECONDS": "0.2",
}


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return an_s3_bucket(tmp_path)


@pytest.fixture
def server(bucket: Bucket, tmp_path: Path) -> Iterator[ServedHilum]:
    """A server on the shared S3 server; not yet started."""
    server = ServedHilum(tmp_path, **bucket.settings(), **_PATIENCE)
    yield server
    server.close()


def test_what_is_stored_is_found_given_back_converted_exported_and_deleted(
    server: ServedHilum, tmp_path: Path
) -> None:
    instances = make_study(6, ROWS_33_KB)
    (large,) = make_study(1, _ROWS_OF_A_LARGE_ONE)
    server.start()

    assert _stow(server, [large]).status_code == 200
    assert _given(server, large) == large.part10
    assert requests.delete(f"{server.url}/dicom-web/studies/{large.study}", timeout=30).ok
    assert _stow(server, instances).status_code == 200
    again = _stow(server, instances)
    assert again.status_code == 200

    for sent in instances:
        assert _given(server, sent) == sent.part10
    study = instances[0].study
    found = server.get_json(f"/dicom-web/studies?StudyInstanceUID={study}")
    assert isinstance(found, list)
    assert found[0]["00201208"]["Value"] == [6]
    assert not (server.data / "objects").exists()
    ran = server.run("export", study, "-o", str(tmp_path / "out"))
    assert ran.returncode == 0, ran.stderr
    _until(lambda: json.loads(server.run("fsck", "--json").stdout)["objects"] == 6)
    ran = server.run("fsck", "--deep", "--json")
    assert json.loads(ran.stdout)["objects"] == 6, ran.stderr
    assert ran.returncode == 0
    assert requests.delete(f"{server.url}/dicom-web/studies/{study}", timeout=30).ok
    _until(lambda: json.loads(server.run("fsck", "--json").stdout)["objects"] == 0)


@pytest.mark.slow
def test_a_lost_index_is_made_from_the_bucket(server: ServedHilum, tmp_path: Path) -> None:
    instances = make_study(5, ROWS_33_KB)
    server.start()
    assert _stow(server, instances).status_code == 200
    server.stop()
    for file in server.data.glob("index.sqlite*"):
        file.unlink()

    refused = server.run("import", str(tmp_path))
    assert refused.returncode == 3
    assert "no index" in refused.stderr
    assert server.run("rebuild").returncode == 0

    server.start()
    for sent in instances:
        assert _given(server, sent) == sent.part10
    assert server.run("fsck", "--deep").returncode == 0


def test_the_doctor_and_readiness_tell_of_the_bucket(server: ServedHilum, bucket: Bucket) -> None:
    server.start()

    ready = server.get_json("/ready")
    doctor = json.loads(server.run("doctor", "--json").stdout)

    assert "objects" in json.dumps(ready)
    (found,) = [each for each in doctor["checks"] if each["subject"] == "object store"]
    assert found["state"] == "ok"
    assert bucket.location.bucket in found["text"]


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_a_crash_of_hilum_loses_nothing_acknowledged_and_leaves_nothing_in_the_bucket(
    server: ServedHilum,
) -> None:
    crash_rounds(server, _send, lambda retrieved, sent: retrieved == sent)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_outage_of_the_store_costs_nothing_acknowledged_and_heals_by_itself(
    tmp_path: Path,
) -> None:
    with own("s3") as s3:
        bucket = an_s3_bucket(tmp_path, s3.address)
        with ServedHilum(tmp_path, **bucket.settings(), **_PATIENCE) as server:
            told = _Told()
            stop = threading.Event()
            senders = [threading.Thread(target=told.send, args=(server, stop)) for _ in range(4)]
            for sender in senders:
                sender.start()
            for _ in range(2):
                told.wait_for_more(20)
                s3.kill()
                _until(lambda: requests.get(f"{server.url}/ready", timeout=10).status_code == 503)
                told.wait_for_refusals(2)
                s3.start()
                _until(lambda: requests.get(f"{server.url}/ready", timeout=10).status_code == 200)
            told.wait_for_more(20)
            stop.set()
            for sender in senders:
                sender.join()

            assert told.refused, "nothing was on its way when the store was killed"
            visible = _visible(server)
            assert set(told.kept) <= visible
            for sop_instance in visible:
                sent = told.sent[sop_instance]
                assert _given(server, sent) == sent.part10
            check = server.run("fsck", "--deep")
            # A put that the server took in when nobody waited any more is seen and mended.
            mended = server.run("fsck", "--repair") if check.returncode else check
            assert "Everything agrees" in mended.stdout, check.stdout + mended.stdout
            assert "no object" not in check.stdout
            secret = bucket.access.secret_access_key_file.read_text().strip()  # type: ignore[union-attr]
            assert secret not in server.log_text


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_servers_share_one_bucket_and_one_database(bucket: Bucket, tmp_path: Path) -> None:
    with engine_of("postgres", tmp_path) as database, ExitStack() as stack:
        shared = {**bucket.settings(), **_PATIENCE, "HILUM_DATABASE__URL": database.url}
        one, other = (_served(tmp_path / name, shared, stack) for name in ("one", "other"))
        told = _Told()
        stop = threading.Event()
        senders = [
            threading.Thread(target=told.send, args=(server, stop)) for server in (one, other) * 2
        ]
        for sender in senders:
            sender.start()
        told.wait_for_more(40)
        other.kill()
        told.wait_for_more(20)
        other.start()
        told.wait_for_more(20)
        stop.set()
        for sender in senders:
            sender.join()
        same = make_study(3, ROWS_33_KB)
        answers = [_in_thread(_stow, server, same) for server in (one, other) * 3]
        assert {answer().status_code for answer in answers} == {200}

        told.kept.update({each.sop_instance: each for each in same})
        told.sent.update(told.kept)
        for asked in (one, other):
            visible = _visible(asked)
            assert set(told.kept) <= visible
            for sop_instance in sorted(visible)[::3]:
                sent = told.sent[sop_instance]
                assert _given(asked, sent) == sent.part10
        study = same[0].study
        assert requests.delete(f"{other.url}/dicom-web/studies/{study}", timeout=30).ok
        assert requests.get(f"{one.url}/dicom-web/studies/{study}", timeout=30).status_code == 404
        report = json.loads(one.run("fsck", "--deep", "--json").stdout)
        assert report["clean"], report["found"]


def _served(folder: Path, environment: dict[str, str], stack: ExitStack) -> ServedHilum:
    folder.mkdir()
    server = ServedHilum(folder, **environment)
    stack.callback(server.close)
    return server.start()


_Answer = TypeVar("_Answer")


def _in_thread(call: Callable[..., _Answer], *arguments: object) -> Callable[[], _Answer]:
    pool = ThreadPoolExecutor(1)
    running = pool.submit(call, *arguments)
    pool.shutdown(wait=False)
    return running.result


class _Told:
    """What was sent, and what the server said of it."""

    def __init__(self) -> None:
        self.sent: dict[str, Instance] = {}
        self.kept: dict[str, Instance] = {}
        self.refused = 0
        self.broken: list[str] = []

    def send(self, server: ServedHilum, stop: threading.Event) -> None:
        while not stop.is_set():
            instances = make_study(1, ROWS_33_KB)
            self.sent.update({one.sop_instance: one for one in instances})
            try:
                answer = _stow(server, instances)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                time.sleep(0.05)  # the server was killed
                continue
            if answer.status_code == 200:
                self.kept.update({one.sop_instance: one for one in instances})
            else:
                self.refused += 1

    def wait_for_more(self, count: int) -> None:
        before = len(self.kept)
        _until(lambda: len(self.kept) >= before + count)

    def wait_for_refusals(self, count: int) -> None:
        before = self.refused
        _until(lambda: self.refused >= before + count)


def _stow(server: ServedHilum, instances: list[Instance]) -> requests.Response:
    (body,) = stow_bodies(instances, len(instances))
    return requests.post(f"{server.url}/dicom-web/studies", data=body, headers=_HEADERS, timeout=60)


def _given(server: ServedHilum, sent: Instance) -> bytes:
    path = f"/studies/{sent.study}/series/{sent.series}/instances/{sent.sop_instance}"
    answer = requests.get(
        f"{server.url}/dicom-web{path}",
        headers={"Accept": "application/dicom; transfer-syntax=*"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return answer.content


def _visible(server: ServedHilum) -> set[str]:
    found: set[str] = set()
    while True:
        rows = server.get_json(f"/dicom-web/instances?limit=500&offset={len(found)}")
        if not rows:
            return found
        assert isinstance(rows, list)
        found.update(row["00080018"]["Value"][0] for row in rows)


def _until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
