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


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _writes(node.func):
                yield path, node


def _writes(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "write"
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    owner = function.value
    if isinstance(owner, ast.Call):
        return ast.unparse(owner.func).endswith("get_logger")
    return isinstance(owner, ast.Name) and owner.id in LOGGERS


@cache
def _patterns() -> dict[str, Path]:
    """Names of events as patterns, with where they are written."""
    found: dict[str, Path] = {}
    for path, call in _calls():
        name = call.args[0] if call.args else None
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            found[re.escape(name.value)] = path
        elif isinstance(name, ast.JoinedStr):
            parts = (
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                for part in name.values
            )
            found["".join(parts)] = path
    return found


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
