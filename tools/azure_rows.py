"""Rows of what the Azure DICOM service does, and the tests that prove them, read and joined."""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
ROWS = TESTS / "conformance" / "azure" / "rows"
_KEYS = {"id", "says", "without_test"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class RowsAreWrong(Exception):
    """A row or a mark that cannot be meant; the text says where."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. `without_test` is the reason why no test of ours can prove it, if none can."""

    identifier: str
    says: str
    without_test: str = ""
    tests: tuple[str, ...] = field(default=(), compare=False)

    @property
    def section(self) -> int:
        return int(self.identifier.partition("-")[0].partition(".")[0])

    @property
    def order(self) -> tuple[int, ...]:
        """By which rows stand in the order of the description."""
        return tuple(int(number) for number in self.identifier.partition("-")[0].split("."))


def rows(folder: Path = ROWS, tests: Path = TESTS) -> list[Row]:
    """All rows with their tests, in the order of the description.

    Raises `RowsAreWrong` for two rows of one id, a file with other keys, and a mark that names
    no row: a misspelt one would otherwise prove nothing and look as if it did.
    """
    found: dict[str, Row] = {}
    for row in _rows_of(folder):
        if row.identifier in found:
            raise RowsAreWrong(f"row {row.identifier} is there twice")
        found[row.identifier] = row
    marked = marks(tests)
    if unknown := sorted(marked.keys() - found.keys()):
        raise RowsAreWrong(f"tests name rows that are not there: {_listed(unknown, marked)}")
    whole = [
        Row(row.identifier, row.says, row.without_test, marked.get(row.identifier, ()))
        for row in found.values()
    ]
    return sorted(whole, key=lambda row: row.order)


def _rows_of(folder: Path) -> Iterator[Row]:
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("row", ()):
            if not {"id", "says"} <= entry.keys() <= _KEYS:
                raise RowsAreWrong(f"{path.name}: {entry} has other keys than {sorted(_KEYS)}")
            try:
                row = Row(entry["id"], entry["says"], entry.get("without_test", ""))
                row.order  # noqa: B018 - whether the id begins with a section
            except ValueError:
                raise RowsAreWrong(
                    f"{path.name}: {entry['id']} does not begin with a section, such as 2.6-"
                ) from None
            yield row


def _listed(names: list[str], marked: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{name} ({marked[name][0]})" for name in names)


def marks(tests: Path = TESTS) -> dict[str, tuple[str, ...]]:
    """Which tests name each row, as `file::test`; read from the source, so that nothing is run."""
    found: dict[str, list[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.azure" in source:
            name = path.relative_to(tests).as_posix()
            for test, row in _marks_of(ast.parse(source)):
                found.setdefault(row, []).append(f"{name}::{test}")
    return {row: tuple(dict.fromkeys(names)) for row, names in found.items()}


def _marks_of(module: ast.Module) -> Iterator[tuple[str, str]]:
    everywhere = [row for node in module.body for row in _module_marks(node)]
    for node in module.body:
        yield from _marks_of_definition(node, everywhere)


def _module_marks(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    ):
        for part in ast.walk(node.value):
            yield from _named_by(part)


def _marks_of_definition(node: ast.stmt, inherited: list[str]) -> Iterator[tuple[str, str]]:
    if not isinstance(node, Definition):
        return
    # Parameters of a test may be marked, too: pytest.param(..., marks=pytest.mark.azure(...)).
    decorated = [part for each in node.decorator_list for part in ast.walk(each)]
    named = [*inherited, *(row for part in decorated for row in _named_by(part))]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            yield from _marks_of_definition(inner, named)
    elif node.name.startswith("test_"):
        yield from ((node.name, row) for row in named)


def _named_by(node: ast.AST) -> Iterator[str]:
    """The rows that `pytest.mark.azure(...)` names."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "azure"
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "mark"
    ):
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                raise RowsAreWrong(f"line {argument.lineno}: a row is named by a plain text")
            yield argument.value
