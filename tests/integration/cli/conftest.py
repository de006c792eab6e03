"""`hilum` run inside the test's process, on a data folder of its own."""

import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from hilum.cli import main
from hilum.foundation.logs import LogOptions, configure_logging
from hilum.inbound.demo.studies import study


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Hilum:
    """Runs commands; `--data` is added."""

    data: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Ran:
        self.capsys.readouterr()
        code = main([*map(str, arguments), "--data", str(self.data)])
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(int(code), captured.out, captured.err)

    def sql(self, statement: str, *parameters: object) -> list[Any]:
        """Run SQL on the index behind Hilum's back; foreign keys do not stop it."""
        connection = sqlite3.connect(self.data / "index.sqlite")
        try:
            with connection:
                return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def objects(self) -> list[Path]:
        """Paths of all objects, in a fixed order."""
        return sorted((self.data / "objects").rglob("*.dcm"))


@pytest.fixture
def hilum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hilum]:
    monkeypatch.chdir(tmp_path)
    with configure_logging(LogOptions(), io.StringIO()):  # and back, when the test has ended
        yield Hilum(tmp_path / "data", capsys)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def pet() -> list[bytes]:
    """A hundred small instances of one series."""
    return list(study(4))


@pytest.fixture(scope="session")
def head() -> list[bytes]:
    """Seventy-two instances of three series, of a patient with a Japanese name."""
    return list(study(1))


@pytest.fixture
def media(tmp_path: Path, pet: list[bytes], head: list[bytes]) -> Path:
    """A folder with a study of twelve instances in one series and one of nine in three."""
    folder = tmp_path / "media"
    for name, instances in (("pet", pet[:12]), ("head", head[::8])):
        (folder / name).mkdir(parents=True)
        for number, data in enumerate(instances):
            (folder / name / f"IM{number:04d}").write_bytes(data)
    return folder


@pytest.fixture
def filled(hilum: Hilum, media: Path) -> Hilum:
    """An archive that holds what is in `media`."""
    ran = hilum("import", media, "--jobs", "1", "--json")  # in a known order
    assert ran.json["created"] == 21
    return hilum
