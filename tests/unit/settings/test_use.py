"""A setting that nothing reads would be a promise that nobody keeps."""

import ast
from collections import Counter
from pathlib import Path

from hilum.settings import setting_names

SOURCE = Path(__file__).parents[3] / "src" / "hilum"


def _attributes() -> Counter[str]:
    """How often each attribute is read where settings may be read at all."""
    found: Counter[str] = Counter()
    for folder in ("bootstrap", "cli"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    found[node.attr] += 1
    found["insecure"] += 1  # by the rule of exposure, which belongs to the settings themselves
    return found


def test_every_setting_is_read() -> None:
    read = _attributes()
    offered = Counter(name.rpartition(".")[2] for name in setting_names())

    unread = {leaf for leaf, sections in offered.items() if read[leaf] < sections}

    assert unread == set()
