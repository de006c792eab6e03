"""Putting and reading objects: the disk beside a bucket, in one run.

    python -m bench.object_stores [s3|azure|gcs] [--objects 400] [--at-once 16]

The server of the bucket is that of the tests, on this machine and on its disk: the ratio tells
what the protocol and the server cost, not what a network would.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from hilum.adapters.storage.disk import DiskObjects
from hilum.adapters.storage.remote.options import RemoteLimits
from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import InMemory, Spooled
from hilum.ports.objects import ObjectStore
from tests import engines
from tests.buckets import BUCKETS
from tests.contract.storage.keys import a_key

_SIZES = (33_000, 525_000)
_LARGE = 200_000_000


async def _each(
    keys: Sequence[ObjectKey], at_once: int, call: Callable[[ObjectKey], Awaitable[object]]
) -> float:
    """Call for every key, some at a time; return calls per second."""
    left = iter(keys)

    async def worker() -> None:
        for key in left:
            await call(key)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    return len(keys) / (time.perf_counter() - began)


async def _measure(name: str, objects: ObjectStore, count: int, at_once: int, spool: Path) -> None:
    for size in _SIZES:
        data = os.urandom(size)
        keys = [a_key(number, study=size) for number in range(count)]
        puts = await _each(
            keys, at_once, lambda key, data=data: objects.put_once(key, InMemory(data))
        )  # type: ignore[misc]
        gets = await _each(keys, at_once, lambda key, size=size: objects.read(key, 0, size))  # type: ignore[misc]
        one = await _each(keys[: count // 4], 1, lambda key, size=size: objects.read(key, 0, size))  # type: ignore[misc]
        print(
            f"{name:6} {size:>11,} bytes: {puts:7.0f} puts/s, {gets:7.0f} gets/s,"
            f" {1000 / one:6.2f} ms a get alone"
        )
        await _each(keys, at_once, objects.delete)
    file = spool / "large"
    file.write_bytes(os.urandom(1 << 20) * (_LARGE >> 20))
    size = file.stat().st_size
    began = time.perf_counter()
    await objects.put_once(a_key(study=9), Spooled(file, size))
    put = time.perf_counter()
    async for _ in objects.stream(a_key(study=9)):
        pass
    got = time.perf_counter()
    print(
        f"{name:6} {size:>11,} bytes: {size / 1e6 / (put - began):5.0f} MB/s put,"
        f" {size / 1e6 / (got - put):5.0f} MB/s read"
    )
    await objects.delete(a_key(study=9))


async def _run(server: str, count: int, at_once: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            disk = await stack.enter_async_context(DiskObjects(folder / "disk", writers=4))
            bucket = BUCKETS[server](folder).objects(RemoteLimits())
            remote = await stack.enter_async_context(bucket)
            await _measure("disk", disk, count, at_once, folder)
            await _measure(server, remote, count, at_once, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("server", nargs="?", default="s3", choices=sorted(BUCKETS))
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--at-once", type=int, default=16)
    given = parser.parse_args()
    os.environ[engines.SESSION] = str(os.getpid())
    try:
        asyncio.run(_run(given.server, given.objects, given.at_once))
    finally:
        engines.release()
