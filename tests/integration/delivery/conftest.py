"""One archive for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.delivery.world import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Drawing tracebacks for nobody takes longer than the tests."""
    with capture_logs():
        yield
