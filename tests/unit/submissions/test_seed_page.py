"""The page about the validator in four services names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "conformance" / "validator-seed.md").read_text()


def test_every_test_that_it_names_is_there() -> None:
    files = list((ROOT / "tests").rglob("test_*.py"))
    names = {path.name for path in files}
    functions = {
        name
        for path in files
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    named = re.findall(r"\b(test_\w+?)(\.py|_?\.\.\.|\b)", PAGE)
    assert len(named) > 20
    missing = [
        name
        for name, ending in named
        if not (
            name + ".py" in names
            if ending == ".py"
            else any(each.startswith(name) for each in functions)
            if "..." in ending
            else name in functions
        )
    ]
    assert missing == []
