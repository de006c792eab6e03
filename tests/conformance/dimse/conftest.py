from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.peers.dimse_archive import DimseArchive, dimse_archive


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[DimseArchive]:
    async with dimse_archive(tmp_path) as archive:
        yield archive
