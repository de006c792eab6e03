"""SIGKILL while DCMTK stores: what a sender was told is kept is there, and nothing is half kept.

Three rounds by default; HILUM_CRASH_ROUNDS=20 makes the long run.
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.peers.dcmtk import Report, needs_dcmtk, storescu
from tests.peers.instances import a_ct_instance, split, write
from tests.served import ServedHilum

_ROUNDS = int(os.environ.get("HILUM_CRASH_ROUNDS", "3"))
_SENDERS = 4
_FILES = 80


@pytest.mark.slow
@pytest.mark.peer("DCMTK")
@pytest.mark.timeout(120 + 60 * _ROUNDS)
@needs_dcmtk()
def test_a_crash_loses_nothing_that_a_sender_was_told_is_kept(tmp_path: Path) -> None:
    chance = random.Random(4711)
    server = ServedHilum(tmp_path, dimse=True)
    told: dict[Path, bytes] = {}
    unheard = 0
    try:
        server.start()
        for number in range(_ROUNDS):
            folder = tmp_path / f"round-{number}"
            reports = _store_until_killed(server, folder, chance.uniform(0.3, 1.5))
            told |= {
                each.path: split(each.path.read_bytes())[1]
                for report in reports
                for each in report.files
                if each.status == 0x0000
            }
            unheard += sum(each.status is None for report in reports for each in report.files)
            server.start()
            _prove(server, told)
    finally:
        server.close()
    assert told, "nothing was answered before the kills: the test proved nothing"
    assert unheard, "no sender was cut off: the test proved nothing"


def _store_until_killed(server: ServedHilum, folder: Path, seconds: float) -> list[Report]:
    """Let several senders store, kill the server in the middle; return what they heard."""
    batches = [_write_batch(folder / str(number)) for number in range(_SENDERS)]
    reports: list[Report] = []
    threads = [
        threading.Thread(
            target=lambda files: reports.append(storescu(server.dimse_port, files)), args=(batch,)
        )
        for batch in batches
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.kill()
    for thread in threads:
        thread.join()
    return reports


def _write_batch(folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    return [write(folder, a_ct_instance(rows=2000)) for _ in range(_FILES)]


def _prove(server: ServedHilum, told: dict[Path, bytes]) -> None:
    """Every acknowledged instance comes back with its data set byte for byte; all is in order."""
    for path, dataset in told.items():
        found = requests.get(
            f"{server.url}/dicom-web/instances?SOPInstanceUID={path.stem}",
            headers={"Accept": "application/dicom+json"},
            timeout=30,
        )
        assert found.status_code == 200, f"{path.stem} is gone"
        (row,) = found.json()
        study, series = (row[tag]["Value"][0] for tag in ("0020000D", "0020000E"))
        answer = requests.get(
            f"{server.url}/dicom-web/studies/{study}/series/{series}/instances/{path.stem}",
            headers={"Accept": "application/dicom; transfer-syntax=*"},
            timeout=30,
        )
        assert answer.status_code == 200
        assert split(answer.content)[1] == dataset
    check = server.run("fsck", "--deep")
    assert check.returncode == 0, f"{check.stdout}\n{check.stderr}"
