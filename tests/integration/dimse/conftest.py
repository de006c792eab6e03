from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.peers.dimse_archive import DimseArchive, dimse_archive


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[DimseArchive]:
    """A server with the default options."""
    async with dimse_archive(tmp_path) as archive:
        yield archive


@pytest.fixture(autouse=True)
def no_thread_failed() -> Iterator[None]:
    """Whatever a peer does, no thread of the server may end by an error nobody expected."""
    with structlog.testing.capture_logs() as events:
        yield
    failures = {"association_failed", "c_store_failed", "ingest_failed"}
    assert [event for event in events if event["event"] in failures] == []
