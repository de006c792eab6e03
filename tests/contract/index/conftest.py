"""One index per test, over every engine."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hilum.adapters.database.sql_index import SqlIndex
from tests.contract.index.engines import ENGINES, Engine, engine_of


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with engine_of(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def index(engine: Engine) -> AsyncIterator[SqlIndex]:
    """An open index; whatever a test did to it, it must agree with itself afterwards."""
    async with engine.open() as opened:
        yield opened
        assert await opened.maintenance.check_integrity() == []
