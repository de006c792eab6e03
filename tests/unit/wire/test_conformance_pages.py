"""The pages of docs/conformance that are made from the code say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = sorted(path.name for path in (ROOT / "tools").glob("*conformance*.py"))


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_is_current(name: str) -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / name), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert result.returncode == 0, result.stderr


def test_the_index_lists_every_page() -> None:
    folder = ROOT / "docs" / "conformance"
    pages = {path.name for path in folder.glob("*.md")} - {"README.md"}

    listed = set(
        re.findall(r"^\| \[([\w-]+\.md)\]", (folder / "README.md").read_text(), re.MULTILINE)
    )

    assert listed == pages
