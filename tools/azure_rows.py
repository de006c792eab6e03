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
Tables = Mapping[str, ast.expr]


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
            try:
                for test, row in _marks_of(ast.parse(source)):
                    found.setdefault(row, []).append(f"{name}::{test}")
            except RowsAreWrong as error:
                raise RowsAreWrong(f"{name}, {error}") from None
    return {row: tuple(dict.fromkeys(names)) for row, names in found.items()}


def _marks_of(module: ast.Module) -> Iterator[tuple[str, str]]:
    tables = dict(_tables_of(module))
    marks = tables.pop("pytestmark", None)
    everywhere = [] if marks is None else list(_named_in(marks, tables))
    for node in module.body:
        yield from _marks_of_definition(node, everywhere, tables)


def _tables_of(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What is assigned to names of the module."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value


def _marks_of_definition(
    node: ast.stmt, inherited: list[str], tables: Tables
) -> Iterator[tuple[str, str]]:
    if not isinstance(node, Definition):
        return
    # Parameters of a test may be marked, too: pytest.param(..., marks=pytest.mark.azure(...)).
    named = [*inherited, *(row for each in node.decorator_list for row in _named_in(each, tables))]
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            yield from _marks_of_definition(inner, named, tables)
    elif node.name.startswith("test_"):
        yield from ((node.name, row) for row in named)


def _named_in(node: ast.expr, tables: Tables) -> Iterator[str]:
    """The rows that every `pytest.mark.azure(...)` inside of an expression names."""
    for part in ast.walk(node):
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr == "azure"
            and isinstance(part.func.value, ast.Attribute)
            and part.func.value.attr == "mark"
        ):
            for argument in part.args:
                yield from _texts(argument, tables)


def _texts(argument: ast.expr, tables: Tables) -> Iterator[str]:
    """A text, or with `*TABLE` the texts (of a dict: its keys) that the module calls TABLE."""
    if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
        table = tables.get(argument.value.id)
        texts: list[ast.expr | None] = []
        if isinstance(table, ast.Dict):
            texts.extend(table.keys)
        elif isinstance(table, ast.Tuple | ast.List | ast.Set):
            texts.extend(table.elts)
        for text in texts:
            if text is not None:
                yield from _texts(text, {})
        if texts:
            return
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
        return
    raise RowsAreWrong(f"line {argument.lineno}: a row is named by a plain text, or by *TABLE")
