"""A process killed while it keeps objects loses none it spoke of and leaves none half written."""

import asyncio
import hashlib
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.intents import FileIntents
from hilum.domain.identifiers import ObjectKey, parse_object_key
from hilum.ingest.recovery import recover
from tests.twins import MemoryIndex

_KEEPING = """
import asyncio, itertools, random, sys
from pathlib import Path
from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.intents import FileIntents
from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.instances import InMemory, Spooled
from tests.contract.storage.keys import a_key

async def main():
    root = Path(sys.argv[1])
    numbers = itertools.count()
    intents = FileIntents(root / "intents")
    async with (
        DiskObjects(root, reserve_bytes=0) as objects,
        DiskSpool(root / "spool", reserve_bytes=0) as spool,
    ):
        async def keep(number):
            key = a_key(number, series=number % 7, study=number % 3)
            data = random.Random(number).randbytes(random.Random(number).randrange(200_000))
            intents.begin(key)
            if number % 2:
                await objects.put_once(key, InMemory(data))
            else:
                async with spool.create() as file:
                    await file.write(data)
                    await objects.put_once(key, Spooled(file.path, await file.finish()))
            print(key, flush=True)
            if number % 5 == 0:
                await objects.delete(key)
                print("-", key, flush=True)
                intents.end(key)

        async def worker():
            while True:
                await keep(next(numbers))

        await asyncio.gather(*(worker() for _ in range(8)))

asyncio.run(main())
"""


def _data(key: ObjectKey) -> bytes:
    number = int(parse_object_key(key)[1].sop_instance.rsplit(".", 1)[1])
    source = random.Random(number)
    return random.Random(number).randbytes(source.randrange(200_000))


def _killed_after(root: Path, lines: int) -> tuple[set[ObjectKey], set[ObjectKey]]:
    """Keys it said were kept, and of them those it said were deleted or may have been."""
    process = subprocess.Popen(
        [sys.executable, "-c", _KEEPING, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process, process.stdout:
        told = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    whole = [line.strip() for line in told if line.endswith("\n")]
    kept = {ObjectKey(line) for line in whole if not line.startswith("-")}
    return kept, {key for key in kept if int(key.rsplit(".", 3)[1]) % 5 == 0}


@pytest.mark.parametrize("seed", range(4))
async def test_a_kill_at_a_random_moment_is_survived(tmp_path: Path, seed: int) -> None:
    lines = random.Random(seed).randrange(1, 250)
    kept, perhaps_deleted = await asyncio.to_thread(_killed_after, tmp_path, lines)

    intents = FileIntents(tmp_path / "intents")
    async with DiskObjects(tmp_path, reserve_bytes=0) as objects:
        found = {stored.key: stored.size_bytes async for stored in objects.list()}
        assert kept - perhaps_deleted <= set(found)
        for key, size in found.items():
            data = await objects.read(key, 0, 1 << 20)
            assert len(data) == size
            assert hashlib.sha256(data).digest() == hashlib.sha256(_data(key)).digest()
        # Whatever lies there was noted, so that recovery finds it; nobody committed a row here.
        assert set(found) <= set(intents.unfinished())
        assert _leftovers(tmp_path / "incoming") == []

        await recover(intents, MemoryIndex(), objects)
        assert [stored async for stored in objects.list()] == []
    intents.close()


def _leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.isdigit()]
