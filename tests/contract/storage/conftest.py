"""Keys and stores for the storage contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hilum.adapters.storage.disk import DiskObjects
from hilum.ports.objects import ObjectStore
from tests.buckets import BUCKETS
from tests.twins import MemoryObjects


@pytest.fixture(params=["disk", "memory", *BUCKETS])
async def objects(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    """Every engine that must keep the promises of `ObjectStore`."""
    match request.param:
        case "memory":
            yield MemoryObjects()
        case "disk":
            async with DiskObjects(tmp_path, chunk_bytes=4096, reserve_bytes=0) as disk:
                yield disk
        case name:
            async with BUCKETS[name](tmp_path).objects() as bucket:
                yield bucket
