"""Tests against programs of others cannot be left out in CI without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest
@pytest.mark.peer("DCMTK")
@pytest.mark.skipif(True, reason="DCMTK not found")
def test_by_mark(): pass
@pytest.mark.peer("Orthanc")
def test_by_call(): pytest.skip("Orthanc not found")
@pytest.mark.skipif(True, reason="dcmsend not found: run scripts/services install")
def test_by_reason(): pass
"""
OTHERS = """
import pytest
def test_that_needs_root(): pytest.skip("needs root")
@pytest.mark.peer("DCMTK")
@pytest.mark.xfail(strict=True)
def test_that_is_known_to_fail(): assert False
"""


NAMED_AFTER_AN_ENGINE = """
def test_azure_by_name(): assert True
"""


def _run(
    folder: Path, source: str, ci: str, *more: str, place: str = "test_some.py"
) -> "subprocess.CompletedProcess[str]":
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    return subprocess.run(
        [*command, *more, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), str(path)],
        cwd=ROOT,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_missing_peers_fail_in_ci(tmp_path: Path) -> None:
    ran = _run(tmp_path, SKIPPING, "true")

    assert ran.returncode == 1, ran.stdout
    assert "1 failed, 2 errors" in ran.stdout, "skips by mark come before the test itself"
    assert "Orthanc not found" in ran.stdout


def test_missing_peers_are_skipped_elsewhere(tmp_path: Path) -> None:
    ran = _run(tmp_path, SKIPPING, "")

    assert ran.returncode == 0, ran.stdout
    assert "3 skipped" in ran.stdout


def test_other_skips_are_left_alone_in_ci(tmp_path: Path) -> None:
    ran = _run(tmp_path, OTHERS, "true")

    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(("tier", "engine"), [("unit", False), ("contract", True)])
def test_only_what_is_no_unit_test_is_taken_for_a_test_of_an_engine_by_its_name(
    tmp_path: Path, tier: str, engine: bool
) -> None:
    place = f"tests/{tier}/test_some.py"

    ran = _run(tmp_path, NAMED_AFTER_AN_ENGINE, "", "-m", "not engine", place=place)

    assert ("1 deselected" in ran.stdout) is engine, ran.stdout
    assert ("1 passed" in ran.stdout) is not engine, ran.stdout


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_the_makefile_goes_on_without_peers_but_not_in_ci(
    tmp_path: Path, ci: str, code: int
) -> None:
    (line,) = [
        line.removeprefix("\t@").replace("$$", "$")
        for line in (ROOT / "Makefile").read_text().splitlines()
        if "services install" in line and "peers missing" in line
    ]
    script = tmp_path / "scripts" / "services"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)

    ran = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=tmp_path,
        env={"CI": ci},
        capture_output=True,
        check=False,
        timeout=20,
    )

    assert ran.returncode == code
