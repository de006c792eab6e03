"""Memory does not grow with the size of an object: 300 MB there and back, measured."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.buckets import Bucket, an_s3_bucket
from tests.contract.storage.keys import a_key

_SIZE = 300_000_000
_ROOM = 100_000_000
"""Parts on their way (4 of 8 MiB), ranges in hand and ahead (2 of 4 MiB), and the client's own."""

_PROGRAM = """
import asyncio, hashlib, resource, sys
from pathlib import Path
from hilum.adapters.storage.remote.objects import RemoteObjects
from hilum.adapters.storage.remote.options import Location, RemoteLimits, S3Access
from hilum.domain.instances import InMemory, Spooled

bucket, prefix, endpoint, key_id, secret, file, size, name = sys.argv[1:]

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def main():
    access = S3Access(
        endpoint=endpoint, region="us-east-1", access_key_id=key_id,
        secret_access_key_file=Path(secret),
    )
    location = Location("s3", bucket, prefix)
    async with RemoteObjects(location, access, RemoteLimits(), environment={}) as objects:
        await objects.put_once(name[:-5] + "9.dcm", InMemory(b"warm"))
        before = peak()
        await objects.put_once(name, Spooled(Path(file), int(size)))
        put = peak()
        digest = hashlib.sha256()
        async for chunk in objects.stream(name):
            digest.update(chunk)
        print(put - before, peak() - put, digest.hexdigest())

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_large_object_goes_and_comes_back_in_little_memory(tmp_path: Path) -> None:
    bucket = an_s3_bucket(tmp_path)
    file, digest = _large_file(tmp_path)

    put, got, read = _measured(bucket, file)

    assert read == digest
    assert put < _ROOM, f"{put:,} bytes more at the put of {_SIZE:,}"
    assert got < _ROOM, f"{got:,} bytes more at reading {_SIZE:,}"


def _large_file(folder: Path) -> tuple[Path, str]:
    import hashlib
    import random

    chance, digest = random.Random(5), hashlib.sha256()
    path = folder / "arrived"
    with path.open("wb") as file:
        left = _SIZE
        while left:
            data = chance.randbytes(min(left, 1 << 20))
            left -= len(data)
            digest.update(data)
            file.write(data)
    return path, digest.hexdigest()


def _measured(bucket: Bucket, file: Path) -> tuple[int, int, str]:
    environment = bucket.settings()
    ran = subprocess.run(
        [
            *(sys.executable, "-c", _PROGRAM),
            *(bucket.location.bucket, bucket.location.prefix),
            environment["HILUM_STORAGE__S3__ENDPOINT"],
            environment["HILUM_STORAGE__S3__ACCESS_KEY_ID"],
            environment["HILUM_STORAGE__S3__SECRET_ACCESS_KEY_FILE"],
            *(str(file), str(_SIZE), str(a_key())),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    put, got, digest = ran.stdout.split()
    return int(put), int(got), digest
