"""SIGKILL during `hilum rebuild` and `hilum fsck --repair`: run again, they end well."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing, suppress

import pytest
import requests

from bench.client import BOUNDARY, stow_bodies
from bench.instances import ROWS_33_KB, Instance, make_study
from tests.acceptance.crash import ROUNDS, prove_clean, visible_instances
from tests.served import ServedHilum

_STUDIES = 4
_INSTANCES = 50
"""In each study."""
_STOW = {
    "Accept": "application/dicom+json",
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
}
_PUT = {"Accept": "application/dicom+json", "Content-Type": "application/dicom"}
_ORIGINAL = {"Accept": "application/dicom; transfer-syntax=*"}
_LOST_ROWS = (
    "DELETE FROM sequence_item WHERE level = 3 AND owner_key IN "
    "(SELECT key FROM instance WHERE key % 3 = 0)",
    "DELETE FROM description WHERE instance_key IN "
    "(SELECT key FROM instance WHERE key % 3 IN (0, 1))",
    "DELETE FROM instance_version WHERE instance_key IN "
    "(SELECT key FROM instance WHERE key % 3 = 0)",
    "DELETE FROM instance WHERE key % 3 = 0",
)
"""A third of the instances loses all of its rows, another third its description."""

Held = Mapping[str, tuple[Instance, bytes | None]]


@pytest.mark.slow
@pytest.mark.timeout(180 + 30 * ROUNDS)
def test_a_rebuild_that_was_killed_leaves_an_archive_and_ends_well_when_run_again(
    own_server: ServedHilum,
) -> None:
    held = _filled(own_server)
    chance, where = _seeded()
    seconds = _run_to_the_end(own_server, where, "rebuild")

    cut_off = 0
    for _ in range(ROUNDS):
        cut_off += _run_and_kill(own_server, seconds * chance.uniform(0.3, 1), "rebuild")
        prove_clean(own_server, where)
    assert cut_off, "no kill cut anything off: nothing was proved"
    _run_to_the_end(own_server, where, "rebuild")

    assert not list(own_server.data.glob("index.sqlite.rebuilding*"))
    _prove_held(own_server, held, where)


@pytest.mark.slow
@pytest.mark.timeout(180 + 60 * ROUNDS)
def test_a_repair_that_was_killed_ends_well_when_run_again(own_server: ServedHilum) -> None:
    held = _filled(own_server)
    chance, where = _seeded()
    _lose_rows(own_server)
    seconds = _run_to_the_end(own_server, where, "fsck", "--repair")

    cut_off = 0
    for _ in range(ROUNDS):
        _lose_rows(own_server)
        cut_off += _run_and_kill(own_server, seconds * chance.uniform(0.3, 1), "fsck", "--repair")
        _run_to_the_end(own_server, where, "fsck", "--repair")
        prove_clean(own_server, where)
    assert cut_off, "no kill cut anything off: nothing was proved"

    _prove_held(own_server, held, where)


def _seeded() -> tuple[random.Random, str]:
    seed = random.SystemRandom().randrange(2**32)
    return random.Random(seed), f"seed {seed}"


def _filled(server: ServedHilum) -> Held:
    """Store studies, replace one instance of each and delete another, and stop the server."""
    held: dict[str, tuple[Instance, bytes | None]] = {}
    server.start()
    with requests.Session() as session:
        for _ in range(_STUDIES):
            study = make_study(_INSTANCES, ROWS_33_KB)
            held.update({one.sop_instance: (one, one.part10) for one in study})
            (body,) = stow_bodies(study, _INSTANCES)
            stored = session.post(f"{server.url}/v2/studies", body, headers=_STOW, timeout=60)
            assert stored.status_code == 200
            replaced, deleted = study[:2]
            data = replaced.part10[:-8] + b"replaced"
            put = session.put(f"{server.url}/v2/studies", data, headers=_PUT, timeout=60)
            assert put.status_code == 200
            held[replaced.sop_instance] = replaced, data
            gone = session.delete(f"{server.url}/v2{_path(deleted)}", timeout=60)
            assert gone.status_code == 204
            held[deleted.sop_instance] = deleted, None
    assert server.stop() == 0
    return held


def _path(one: Instance) -> str:
    return f"/studies/{one.study}/series/{one.series}/instances/{one.sop_instance}"


def _lose_rows(server: ServedHilum) -> None:
    with closing(sqlite3.connect(server.data / "index.sqlite")) as index, index:
        lost = [index.execute(sql).rowcount for sql in _LOST_ROWS]
    assert lost[-1] >= _INSTANCES // 4, "next to nothing was lost: nothing would be proved"


def _run_to_the_end(server: ServedHilum, where: str, *command: str) -> float:
    """Run a command that must end well; return how many seconds it took."""
    began = time.monotonic()
    ran = server.run(*command)
    assert ran.returncode == 0, f"{where}: {ran.stdout}\n{ran.stderr}"
    return time.monotonic() - began


def _run_and_kill(server: ServedHilum, seconds: float, *command: str) -> bool:
    """Run a command and kill it after so long; False when it had ended by itself."""
    arguments = [sys.executable, "-m", "hilum", *command, "--data", str(server.data)]
    with subprocess.Popen(
        arguments, cwd=server.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        return process.wait() == -signal.SIGKILL


def _prove_held(server: ServedHilum, held: Held, where: str) -> None:
    prove_clean(server, where)
    server.start()
    with requests.Session() as session:
        for one, data in held.values():
            answer = session.get(f"{server.url}/v2{_path(one)}", headers=_ORIGINAL, timeout=30)
            assert answer.status_code == (200 if data is not None else 404), where
            assert data in (None, answer.content), f"{where}: other bytes than were sent"
        visible = visible_instances(session, f"{server.url}/dicom-web")
    assert visible == {uid for uid, (_, data) in held.items() if data is not None}, where
