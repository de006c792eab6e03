"""What a whole run of pytest leaves behind, and what it says when an engine is missing."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.engines.redis import Redis

ROOT = Path(__file__).parents[3]
TESTS = """
import pytest
from tests.engines import address
@pytest.mark.parametrize("number", range(8))
def test_some(number):
    print("address:", address("NAME"))
"""


def run(
    folder: Path, name: str, *options: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    (folder / "test_some.py").write_text(TESTS.replace("NAME", name))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "tests.conftest"]
    command += ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    return subprocess.run(
        [*command, "--rootdir", str(folder), *options, str(folder / "test_some.py")],
        cwd=ROOT,
        env={**os.environ, "SERVICES_OF_HILUM": str(folder / "services"), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_workers_share_one_engine_which_ends_with_them(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    if Redis().missing():
        pytest.skip("Redis is not installed: run scripts/services install redis")

    ran = run(tmp_path, "redis", *options)

    assert ran.returncode == 0, ran.stdout
    assert "8 passed" in ran.stdout
    used = {line for line in ran.stdout.splitlines() if line.startswith("address:")}
    assert len(used) == 1
    assert not (tmp_path / "services" / "redis").exists()
    assert str(tmp_path) not in _command_lines(), "its server runs no longer"


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_a_missing_engine_is_a_failure_in_ci_only(tmp_path: Path, ci: str, code: int) -> None:
    # The program is where builds are kept; in another such folder there is none.
    ran = run(tmp_path, "s3", CI=ci, XDG_CACHE_HOME=str(tmp_path))

    assert ran.returncode == code, ran.stdout
    assert "run scripts/services install s3" in ran.stdout


def _command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.append(path.read_text(errors="replace").replace("\0", " "))
    return "\n".join(found)
