"""The upload door alone, or in a whole gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.http.conftest import gateway, start
from tests.integration.upload.door import Door, a_door

__all__ = ["gateway", "start"]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(tmp_path) as opened:
        yield opened
