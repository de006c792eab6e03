"""The rows of what the Azure DICOM service does, and the tool that joins them with their tests."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[3] / "tools"


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    """tools/azure_rows.py, which no package holds."""
    specification = importlib.util.spec_from_file_location("azure_rows", TOOLS / "azure_rows.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["azure_rows"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["azure_rows"]


def written(folder: Path, rows: str, test: str = "") -> tuple[Path, Path]:
    """A folder of rows and one of tests."""
    (folder / "rows").mkdir()
    (folder / "tests" / "inner").mkdir(parents=True)
    (folder / "rows" / "section_2.toml").write_text(rows)
    (folder / "tests" / "inner" / "test_some.py").write_text(test)
    return folder / "rows", folder / "tests"


TWO_ROWS = """
[[row]]
id = "2.10-late"
says = "Stands behind 2.9."

[[row]]
id = "2.9-early"
says = "Stands first."
without_test = "Nobody can see it."
"""


def test_no_row_is_without_a_test_or_a_reason(tool: ModuleType) -> None:
    bare = [row.identifier for row in tool.rows() if not row.tests and not row.without_test]

    assert bare == [], "write a test marked with these rows, or say without_test why there is none"


def test_rows_stand_in_the_order_of_the_description(tool: ModuleType, tmp_path: Path) -> None:
    found = tool.rows(*written(tmp_path, TWO_ROWS))

    assert [row.identifier for row in found] == ["2.9-early", "2.10-late"]
    assert [row.without_test for row in found] == ["Nobody can see it.", ""]


def test_marks_are_found_on_tests_classes_parameters_and_whole_modules(
    tool: ModuleType, tmp_path: Path
) -> None:
    test = """
import pytest
pytestmark = [pytest.mark.azure("2.9-early"), pytest.mark.slow]

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.azure("2.10-late"))])
def test_one(x): ...

TABLE = {"2.10-late": 1}

@pytest.mark.azure(*TABLE)
class TestMore:
    async def test_two(self): ...
    def helper(self): ...
"""
    early, late = tool.rows(*written(tmp_path, TWO_ROWS, test))

    assert early.tests == ("inner/test_some.py::test_one", "inner/test_some.py::test_two")
    assert late.tests == early.tests


@pytest.mark.parametrize(
    ("rows", "test", "said"),
    [
        (TWO_ROWS, 'import pytest\n@pytest.mark.azure("2.11-x")\ndef test_x(): ...', "2.11-x"),
        (TWO_ROWS, "import pytest\n@pytest.mark.azure(NAME)\ndef test_x(): ...", "plain text"),
        (TWO_ROWS + TWO_ROWS, "", "2.10-late is there twice"),
        ('[[row]]\nid = "2.1-a"\nsays = "x"\nwithout_tests = "typo"', "", "other keys"),
        ('[[row]]\nid = "two-a"\nsays = "x"', "", "does not begin with a section"),
    ],
)
def test_what_cannot_be_meant_is_told(
    tool: ModuleType, tmp_path: Path, rows: str, test: str, said: str
) -> None:
    with pytest.raises(tool.RowsAreWrong, match=said):
        tool.rows(*written(tmp_path, rows, test))
