"""Putting a rebuilt index in place: whole before anything moves."""

import sqlite3
from pathlib import Path

import pytest

from hilum.bootstrap.index_file import IndexFile
from hilum.domain.errors import ArchiveUnavailable


def write_with_a_log(path: Path, value: int) -> None:
    """Make a database as a process that died leaves it: its rows are in its log alone."""
    living = path.with_name("living")
    connection = sqlite3.connect(living)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE t (value)")
    connection.execute("INSERT INTO t VALUES (?)", (value,))
    connection.commit()
    path.write_bytes(living.read_bytes())
    Path(f"{path}-wal").write_bytes(Path(f"{living}-wal").read_bytes())
    connection.close()
    living.unlink()


def values(path: Path) -> list[tuple[int]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT value FROM t").fetchall()
    finally:
        connection.close()


@pytest.fixture
def file(tmp_path: Path) -> IndexFile:
    return IndexFile(tmp_path / "index.sqlite")


def test_what_was_only_in_a_log_is_kept_in_both(file: IndexFile) -> None:
    write_with_a_log(file.path, 1)
    write_with_a_log(file.fresh, 2)

    kept = file.swap()

    assert kept is not None
    assert (values(file.path), values(kept)) == ([(2,)], [(1,)])


def test_a_crash_before_the_new_index_is_in_place_leaves_the_former_whole(
    file: IndexFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_with_a_log(file.path, 1)
    write_with_a_log(file.fresh, 2)

    def crash(_path: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        file.swap()

    assert values(file.path) == [(1,)]


@pytest.mark.parametrize("which", ["path", "fresh"])
@pytest.mark.slow
def test_nothing_moves_while_somebody_uses_one_of_them(file: IndexFile, which: str) -> None:
    write_with_a_log(file.path, 1)
    write_with_a_log(file.fresh, 2)
    reader = sqlite3.connect(getattr(file, which), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM t").fetchall()

    with pytest.raises(ArchiveUnavailable):
        file.swap()

    reader.close()
    assert (values(file.path), values(file.fresh)) == ([(1,)], [(2,)])


def test_a_new_index_that_is_damaged_does_not_replace_anything(file: IndexFile) -> None:
    write_with_a_log(file.path, 1)
    file.fresh.write_bytes(b"garbage" * 1000)

    with pytest.raises(ArchiveUnavailable, match="damaged"):
        file.swap()

    assert values(file.path) == [(1,)]
