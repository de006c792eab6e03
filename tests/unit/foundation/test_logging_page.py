"""docs/operations/logging.md lists exactly the events that the source writes."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "hilum"
PAGE = ROOT / "docs" / "operations" / "logging.md"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGGERS = {"log", "_log", "logger", "_logger"}


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def _writes(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "write"
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    owner = function.value
    if isinstance(owner, ast.Call):
        return ast.unparse(owner.func).endswith("get_logger")
    return isinstance(owner, ast.Name) and owner.id in LOGGERS


def _names(tree: ast.Module, first: ast.expr) -> Iterator[str]:
    """Patterns of the names that the first argument of a log call may have."""
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield re.escape(first.value)
    elif isinstance(first, ast.JoinedStr):
        yield "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
            for part in first.values
        )
    elif isinstance(first, ast.Subscript) and isinstance(first.value, ast.Name):
        for value in _table(tree, first.value.id).values():
            yield re.escape(value)


def _table(tree: ast.Module, name: str) -> dict[str, str]:
    """The dictionary of constants that a module calls `name`."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name:
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            read: dict[str, str] = ast.literal_eval(node.value)
            return read
    raise AssertionError(name)


@cache
def _patterns() -> dict[str, Path]:
    """Names of events as patterns, with where they are written."""
    return {
        pattern: path
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _writes(node) and node.args
        for pattern in _names(tree, node.args[0])
    }


def _documented() -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_event_in_the_source_is_documented() -> None:
    documented = _documented() | {"library_message", "log_line_lost"}

    missing = {
        f"{pattern} ({path.relative_to(ROOT)})"
        for pattern, path in _patterns().items()
        if not any(re.fullmatch(pattern, name) for name in documented)
    }

    assert missing == set()


def test_every_documented_event_is_in_the_source() -> None:
    patterns = [*_patterns(), "library_message", "log_line_lost"]

    gone = {
        name
        for name in _documented()
        if not any(re.fullmatch(pattern, name) for pattern in patterns)
    }

    assert gone == set()


def test_an_event_has_a_name_and_not_a_sentence() -> None:
    for pattern in _patterns():
        assert re.fullmatch(r"[a-z0-9_\\w+]+", pattern), pattern
