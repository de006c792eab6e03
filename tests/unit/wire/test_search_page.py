"""docs/conformance/searching.md is what the code does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_of_searchable_attributes_is_current() -> None:
    tool = ROOT / "tools" / "search_conformance.py"

    result = subprocess.run(
        [sys.executable, str(tool), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr
