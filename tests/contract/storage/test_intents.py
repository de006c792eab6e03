"""What a process began to write and did not end is told at the start after it is gone."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.adapters.storage.intents import FileIntents
from hilum.domain.errors import ArchiveFull
from hilum.domain.identifiers import ObjectKey
from tests.contract.storage.keys import a_key


def _unfinished(folder: Path) -> set[ObjectKey]:
    """What the next start finds; the notes stay for another one."""
    intents = FileIntents(folder)
    try:
        return set(intents.unfinished())
    finally:
        intents.close()


def test_a_write_that_ended_is_not_told(tmp_path: Path) -> None:
    intents = FileIntents(tmp_path)
    intents.begin(a_key(1))
    intents.begin(a_key(2))
    intents.end(a_key(1))
    intents.close()

    assert _unfinished(tmp_path) == {a_key(2)}


def test_a_tidy_end_leaves_no_notes(tmp_path: Path) -> None:
    intents = FileIntents(tmp_path)
    intents.begin(a_key(1))
    intents.end(a_key(1))
    intents.close()

    assert [path for path in tmp_path.rglob("*") if path.is_dir()] == []


def test_writes_of_a_running_process_are_not_told(tmp_path: Path) -> None:
    running = FileIntents(tmp_path)
    running.begin(a_key(1))

    assert _unfinished(tmp_path) == set()
    running.close()
    assert _unfinished(tmp_path) == {a_key(1)}


def test_two_starts_do_not_settle_the_same_writes(tmp_path: Path) -> None:
    dead = FileIntents(tmp_path)
    dead.begin(a_key(1))
    dead.close()

    first, second = FileIntents(tmp_path), FileIntents(tmp_path)
    assert first.unfinished() == [a_key(1)]
    assert second.unfinished() == []
    first.close()
    second.close()


def test_forgotten_writes_are_not_told_again(tmp_path: Path) -> None:
    dead = FileIntents(tmp_path)
    dead.begin(a_key(1))
    dead.close()
    intents = FileIntents(tmp_path)
    assert intents.unfinished() == [a_key(1)]

    intents.forget_unfinished()

    assert intents.unfinished() == []
    intents.close()
    assert _unfinished(tmp_path) == set()


def test_notes_stay_small_while_writes_never_cease(tmp_path: Path) -> None:
    intents = FileIntents(tmp_path)
    intents.begin(a_key(0))
    for number in range(1, 20_000):
        intents.begin(a_key(number))
        intents.end(a_key(number - 1))
    sizes = [path.stat().st_size for path in tmp_path.rglob("notes*")]
    intents.close()

    assert len(sizes) == 1
    assert sizes[0] < 300_000
    assert _unfinished(tmp_path) == {a_key(19_999)}


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_a_note_cut_short_is_not_misread(tmp_path: Path, cut: int) -> None:
    dead = FileIntents(tmp_path)
    dead.begin(a_key(1))
    dead.begin(a_key(2))
    dead.end(a_key(1))
    dead.begin(a_key(3))
    dead.close()
    (notes,) = tmp_path.rglob("notes")
    whole = notes.read_bytes()
    notes.write_bytes(whole[: len(whole) - cut] + b"\n+" + a_key(9).encode() + b"\n")

    told = _unfinished(tmp_path)

    assert {a_key(2), a_key(9)} <= told <= {a_key(1), a_key(2), a_key(3), a_key(9)}


_LIMITED = """
import resource, sys
from pathlib import Path
from hilum.adapters.storage.intents import FileIntents
from hilum.domain.errors import ArchiveFull
from tests.contract.storage.keys import a_key

resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
intents = FileIntents(Path(sys.argv[1]))
noted = 0
try:
    for number in range(100):
        intents.begin(a_key(number))
        noted += 1
except ArchiveFull:
    print(noted)
"""


def test_a_full_disk_is_told_before_the_object_is_written(tmp_path: Path) -> None:
    ran = _run(_LIMITED, tmp_path)

    noted = int(ran.stdout)
    assert 0 < noted < 10
    assert _unfinished(tmp_path) == {a_key(number) for number in range(noted)}
    assert ArchiveFull.code == "archive-full"


_ENDLESS = """
import sys
from pathlib import Path
from hilum.adapters.storage.intents import FileIntents
from tests.contract.storage.keys import a_key

intents = FileIntents(Path(sys.argv[1]))
for number in range(10_000_000):
    intents.begin(a_key(number))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    if number % 3:
        intents.end(a_key(number))
"""


@pytest.fixture
def endless(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_process_leaves_all_that_it_began(
    tmp_path: Path, endless: "subprocess.Popen[str]"
) -> None:
    assert endless.stdout is not None
    count = random.Random(5).randrange(3_000, 9_000)
    lines = [endless.stdout.readline() for _ in range(count)]
    endless.send_signal(signal.SIGKILL)
    lines += endless.stdout.readlines()
    last = int([line for line in lines if line.endswith("\n")][-1])

    told = _unfinished(tmp_path)

    begun_for_good = {a_key(number) for number in range(0, last + 1, 3)}
    assert begun_for_good <= told
    assert len(told - begun_for_good) <= 3  # the last ones, whose end was not noted yet


def _run(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
