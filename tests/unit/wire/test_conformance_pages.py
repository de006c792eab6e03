"""The pages of docs/conformance that are made from the code say what the code does."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["search_conformance.py", "frame_conformance.py"])
def test_a_page_is_current(name: str) -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / name), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr
