"""Files worth importing, and somebody to import them."""

from pathlib import Path

import pytest

from hilum.inbound.demo.studies import study
from tests.unit.inbound.folder.equipment import Importer


@pytest.fixture
def importer(tmp_path: Path) -> Importer:
    folder = tmp_path / "importer"
    folder.mkdir()
    return Importer(folder)


@pytest.fixture(scope="session")
def instances() -> list[bytes]:
    """A hundred small instances of one PET series."""
    return list(study(4))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """An empty folder to put files into."""
    folder = tmp_path / "media"
    folder.mkdir()
    return folder
