"""Bulk updates under the eyes of readers, and through kills."""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study
from bench.updates import NEW, Reader, await_end, begin, of_files, of_metadata, old_values
from tests.acceptance.crash import feed_of_instances, prove_clean
from tests.peers.dcmtk import needs_dcmtk
from tests.served import ServedHilum

_STUDIES, _INSTANCES = 5, 30
_KILLS = int(os.environ.get("UPDATE_KILLS", "1"))
_STOW = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}
_ORIGINAL = {"msdicom-request-original": "true"}


def _stored(server: ServedHilum) -> list[list[Instance]]:
    studies = [make_study(_INSTANCES, ROWS_33_KB) for _ in range(_STUDIES)]
    for study in studies:
        for body in stow_bodies(study, 20):
            requests.post(f"{server.url}/v2/studies", body, headers=_STOW, timeout=60)
    return studies


def _uids(studies: list[list[Instance]]) -> list[str]:
    return [study[0].study for study in studies]


@pytest.mark.slow
def test_no_reader_sees_a_mix_of_old_and_new_values(own_server: ServedHilum) -> None:
    server = own_server.start()
    studies = _uids(_stored(server))
    old = old_values(server.url, studies)
    readers = [Reader(server.url, studies, old) for _ in range(2)]
    for reader in readers:
        reader.start()

    told = await_end(begin(server.url, studies))
    watched = [reader.end() for reader in readers]

    assert told["status"] == "succeeded"
    assert told["results"]["instanceUpdated"] == _STUDIES * _INSTANCES
    for each in watched:
        assert each.strange == []
        assert each.mixed == []
        assert each.answers
    with requests.Session() as session:
        for study in studies:
            assert set(of_metadata(session, f"{server.url}/v2", study)) == {NEW}
            assert set(of_files(session, f"{server.url}/v2", study)) == {NEW}


@pytest.fixture
def killed_server(tmp_path: Path) -> Iterator[ServedHilum]:
    """A server whose work another may take over soon after it died; not yet started."""
    server = ServedHilum(
        tmp_path,
        HILUM_OPERATIONS__LEASE_SECONDS="1",
        HILUM_OPERATIONS__POLL_SECONDS="0.1",
    )
    yield server
    server.close()


@pytest.mark.slow
@needs_dcmtk()
def test_an_update_that_is_killed_goes_on_and_updates_nothing_twice(
    killed_server: ServedHilum, tmp_path: Path
) -> None:
    server = killed_server.start()
    studies = _stored(server)
    href = begin(server.url, _uids(studies))
    for kill in range(_KILLS):
        _kill_behind_study(server, href, kill + 1)
        server.start()

    told = await_end(href)

    assert told["status"] == "succeeded", told
    results = told["results"]
    assert (results["studyProcessed"], results["studyUpdated"]) == (_STUDIES, _STUDIES)
    assert results["instanceUpdated"] == _STUDIES * _INSTANCES
    updated = Counter(uid for uid, kind in feed_of_instances(server) if kind == "updated")
    sent = {each.sop_instance: each for study in studies for each in study}
    assert updated == Counter(sent.keys())
    with requests.Session() as session:
        for study in _uids(studies):
            assert set(of_metadata(session, f"{server.url}/v2", study)) == {NEW}
        _demand_as_sent(session, server, studies[-1][-1])
        _judge(session, server, [study[0] for study in studies], tmp_path)
    server.stop()
    prove_clean(server, "after the kills")


def _kill_behind_study(server: ServedHilum, href: str, number: int) -> None:
    """Kill the server in the middle of its work, behind the study of this number if it can be."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        told = requests.get(href, timeout=60).json()
        if told.get("results", {}).get("studyProcessed", 0) >= number:
            break
        assert told["status"] != "failed"
        time.sleep(0.01)
    server.kill()


def _path(server: ServedHilum, of: Instance) -> str:
    return f"{server.url}/v2/studies/{of.study}/series/{of.series}/instances/{of.sop_instance}"


def _demand_as_sent(session: requests.Session, server: ServedHilum, sent: Instance) -> None:
    accept = {"Accept": "application/dicom; transfer-syntax=*"} | _ORIGINAL
    assert session.get(_path(server, sent), headers=accept, timeout=60).content == sent.part10


def _judge(
    session: requests.Session, server: ServedHilum, sent: list[Instance], folder: Path
) -> None:
    """DCMTK takes the new files for DICOM files, and reads the new values in them."""
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    for number, each in enumerate(sent):
        path = folder / f"{number}.dcm"
        path.write_bytes(session.get(_path(server, each), headers=accept, timeout=60).content)
        assert path.read_bytes()[-1000:] == each.part10[-1000:]
        subprocess.run(["dcmftest", path], check=True, timeout=60)
        command = ["dcmdump", "+P", "0010,0020", "+P", "0002,0013", path]
        dump = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
        assert "[UPDATED]" in dump.stdout
        assert "[HILUM_" in dump.stdout
        assert dump.stderr == ""
