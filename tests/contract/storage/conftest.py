"""Keys and stores for the storage contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from hilum.ports.objects import ObjectStore
from tests.buckets import an_s3_bucket
from tests.twins import MemoryObjects


@pytest.fixture(params=["disk", "memory", "s3"])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """Every engine that must keep the promises of `ObjectStore`."""
    match request.param:
        case "memory":
            yield MemoryObjects()
        case "disk":
            async with DiskObjects(tmp_path, chunk_bytes=4096, reserve_bytes=0) as disk:
                yield disk
        case "s3":
            async with an_s3_bucket(tmp_path).objects() as bucket:
                yield bucket
