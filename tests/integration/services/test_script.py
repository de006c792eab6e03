"""`scripts/services`: the programs of others, installed, started and stopped again and again."""

import shutil
import urllib.request
from pathlib import Path

import pytest

from tests.integration.services.script import services
from tests.ports import free_port


@pytest.mark.parametrize("arguments", [(), ("sideways",), ("up", "--http-port"), ("up", "--x")])
def test_wrong_usage_is_answered_with_the_right_one(arguments: tuple[str, ...]) -> None:
    done = services(*arguments)

    assert done.returncode == 2
    assert "scripts/services install" in done.stderr


def test_a_system_without_debian_packages_is_told_what_to_do(tmp_path: Path) -> None:
    for name in ("bash", "env", "id", "sed"):
        program = shutil.which(name)
        assert program is not None
        (tmp_path / name).symlink_to(program)

    done = services("install", "--quiet", environment={"PATH": str(tmp_path)})

    assert done.returncode == 1
    assert "missing: dcmtk" in done.stderr
    assert "This is no Debian system" in done.stderr


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    for _ in range(2):
        done = services("down", "--dir", str(tmp_path / "services"))

        assert done.returncode == 0
        assert "does not run" in done.stdout


@pytest.mark.peer("Orthanc")
@pytest.mark.slow
def test_orthanc_is_started_once_answers_and_is_stopped(tmp_path: Path) -> None:
    if services("status", "orthanc", "dcmtk", "--quiet").returncode != 0:
        pytest.skip("Orthanc or DCMTK is not installed: run scripts/services install")
    folder, port = tmp_path / "services", free_port()
    ports = ("--http-port", str(port), "--dicom-port", str(free_port()))
    try:
        first = services("up", "--dir", str(folder), *ports)
        again = services("up", "--dir", str(folder), *ports)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/dicom-web/studies") as answer:
            body = answer.read()
    finally:
        down = services("down", "--dir", str(folder))

    assert first.returncode == 0, first.stderr
    assert "runs already" in again.stdout
    assert body.strip() == b"[]"
    assert down.returncode == 0
    assert not folder.exists()
