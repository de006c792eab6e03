"""A process that is killed while it puts: what is there afterwards is whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from hilum.adapters.storage.derived.layout import INCOMING, archive_folder
from tests.contract.storage.derived.caches import FEED, SetClock, files_of, open_cache

_PUTTING = """
import asyncio, sys
from pathlib import Path
from tests.contract.storage.derived.caches import open_cache

async def put_for_ever(folder):
    async with open_cache(Path(folder)) as cache:
        number = 0
        while True:
            await asyncio.gather(*(
                cache.put(version, f"recipe {number}", bytes([version]) * (50_000 + number))
                for version in range(8)
            ))
            number += 1
            print(number, flush=True)

asyncio.run(put_for_ever(sys.argv[1]))
"""


def _put_until_killed(folder: Path, rounds: int) -> int:
    """Return how many rounds the process said were put when it was killed in the next one."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PUTTING, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        said = 0
        while said < rounds:
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        for line in process.stdout:
            said = int(line) if line.endswith("\n") else said
    return said


async def test_after_a_kill_whatever_was_put_is_whole_and_leftovers_go(tmp_path: Path) -> None:
    clock = SetClock()
    for rounds in (3, 11, 4):
        said = _put_until_killed(tmp_path, rounds)

        async with open_cache(tmp_path, clock) as cache:
            for version in range(8):
                for number in range(said):
                    found = await cache.get(version, f"recipe {number}")
                    assert found == bytes([version]) * (50_000 + number)
                of_the_last = await cache.get(version, f"recipe {said}")
                assert of_the_last in {None, bytes([version]) * (50_000 + said)}

    leftover = tmp_path / archive_folder(FEED) / INCOMING / "1-of-the-dead"
    leftover.write_bytes(b"half")
    given_up = leftover.with_name("7-given-up")
    given_up.mkdir()
    (given_up / "picture").write_bytes(b"of somebody who was deleted")
    os.utime(leftover, (0, 0))

    async with open_cache(tmp_path, clock):
        assert not leftover.exists()
        assert not given_up.exists()
        assert files_of(tmp_path)
