"""A setting that nothing reads would promise what is not done."""

import ast
from pathlib import Path

import hilum
from hilum.settings import setting_names

_SOURCE = Path(hilum.__file__).parent
# What settings reads itself: when it decides whether the rest can be used.
_READERS = ("bootstrap", "cli", "settings/exposure.py")


def _attributes_read() -> set[str]:
    files = [
        file
        for reader in _READERS
        for file in _SOURCE.glob(reader if reader.endswith(".py") else f"{reader}/**/*.py")
    ]
    trees = [ast.parse(file.read_text()) for file in files]
    return {
        node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


def test_every_setting_is_read_where_engines_and_doors_are_made() -> None:
    read = _attributes_read()

    unread = [name for name in setting_names() if name.rsplit(".", 1)[-1] not in read]

    assert unread == []
