"""One memory per test, over every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.submissions.stores import STORES, Stores, open_stores


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    async with open_stores(request.param, tmp_path) as opened:
        yield opened
