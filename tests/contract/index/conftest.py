"""One index per test, over every engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from tests.contract.index.engines import ENGINES, Engine, make_engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return make_engine(request.param, tmp_path)


@pytest.fixture
async def index(engine: Engine) -> AsyncIterator[SqlIndex]:
    """An open index; whatever a test did to it, it must agree with itself afterwards."""
    async with engine.open() as opened:
        yield opened
        assert await opened.maintenance.check_integrity() == []
