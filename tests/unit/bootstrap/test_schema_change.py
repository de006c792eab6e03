"""A schema is changed only by who has the data folder alone."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hilum.adapters.database import schema
from hilum.adapters.database.schema import current, migrate
from hilum.adapters.storage.lock import hold_data_folder
from hilum.bootstrap.index_place import database_url
from hilum.bootstrap.schema_change import hold_with_schema, make_database
from hilum.domain.occupancy import DataFolderInUse, Hold

_NEXT = """
from alembic import op

revision = "next"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE of_the_next_version (value)")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose index is of the version before this program's."""
    folder = tmp_path / "data"
    folder.mkdir()
    migrate(database_url(folder))
    scripts = tmp_path / "migrations"
    shutil.copytree(schema._SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / "r9999_next.py").write_text(_NEXT.format(before=schema.head()))
    monkeypatch.setattr(schema, "_SCRIPTS", scripts)
    return folder


@pytest.mark.parametrize("hold", [Hold.SERVER, Hold.ROLE, Hold.SHARED])
def test_who_is_alone_migrates(folder: Path, hold: Hold) -> None:
    url = database_url(folder)

    with hold_with_schema(folder, hold, url):
        assert current(url) == "next"


@pytest.mark.parametrize("other", [Hold.SERVER, Hold.SHARED])
def test_nobody_migrates_beside_somebody_else(folder: Path, other: Hold) -> None:
    url = database_url(folder)
    before = current(url)

    with (
        hold_data_folder(folder, other),
        pytest.raises(DataFolderInUse, match="migrated to this version first"),
        hold_with_schema(folder, Hold.SHARED, url),
    ):
        pass

    assert current(url) == before != "next"


def test_an_older_database_is_not_taken_for_a_missing_one(folder: Path) -> None:
    url = database_url(folder)
    before = current(url)

    make_database(folder, url)

    assert current(url) == before


def test_a_missing_database_is_made_beside_somebody_else(tmp_path: Path) -> None:
    url = database_url(tmp_path)

    with hold_data_folder(tmp_path, Hold.SHARED), hold_with_schema(tmp_path, Hold.SHARED, url):
        make_database(tmp_path, url)

    assert current(url) == schema.head()


def test_processes_that_start_together_make_one_database_and_none_is_turned_away(
    tmp_path: Path,
) -> None:
    url = database_url(tmp_path)

    def start() -> None:
        with hold_with_schema(tmp_path, Hold.ROLE, url):
            make_database(tmp_path, url)

    with ThreadPoolExecutor(8) as threads:
        for started in [threads.submit(start) for _ in range(8)]:
            started.result()

    assert current(url) == schema.head()


@pytest.mark.parametrize(
    ("first", "second"), [(Hold.ROLE, Hold.SERVER), (Hold.SERVER, Hold.ROLE)], ids=str
)
def test_a_whole_server_and_a_role_exclude_each_other(
    tmp_path: Path, first: Hold, second: Hold
) -> None:
    with (
        hold_data_folder(tmp_path, first),
        pytest.raises(DataFolderInUse, match="is served by process"),
        hold_data_folder(tmp_path, second),
    ):
        pass


def test_several_roles_hold_one_folder_beside_commands(tmp_path: Path) -> None:
    with (
        hold_data_folder(tmp_path, Hold.ROLE),
        hold_data_folder(tmp_path, Hold.ROLE),
        hold_data_folder(tmp_path, Hold.SHARED),
        pytest.raises(DataFolderInUse, match="with a --role each"),
        hold_data_folder(tmp_path, Hold.EXCLUSIVE),
    ):
        pass
