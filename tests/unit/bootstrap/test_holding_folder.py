"""Where uploads wait."""

from pathlib import Path

import pytest

from hilum.bootstrap.archive import holding_folder
from hilum.settings import load_settings


@pytest.mark.parametrize(
    ("setting", "folder"), [({}, "data/holding"), ({"upload.folder": "uploads"}, "uploads")]
)
def test_whoever_hears_of_an_upload_finds_it_from_every_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: dict[str, str], folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"data_dir": "data", **setting}, environment={})

    assert holding_folder(settings) == tmp_path / folder
