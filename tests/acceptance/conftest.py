from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import ServedHilum


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHilum]:
    """One server for the tests of a module."""
    with ServedHilum(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServedHilum]:
    """A server that the test may kill; not yet started."""
    server = ServedHilum(tmp_path, dimse=True)
    yield server
    server.close()
