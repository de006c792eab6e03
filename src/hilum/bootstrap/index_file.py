"""The file of the index and the one that takes its place after a rebuild."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hilum.domain.errors import ArchiveUnavailable

_COMPANIONS = ("-wal", "-shm", "-journal")
"""SQLite's files beside a database."""
_DAMAGED: Final = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


@dataclass(frozen=True, slots=True)
class IndexFile:
    """Names of the database file at `path` and of what is made beside it."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path.absolute()}"

    @property
    def fresh(self) -> Path:
        """Where a rebuild makes the new index."""
        return self.path.with_name(f"{self.path.name}.rebuilding")

    @property
    def fresh_url(self) -> str:
        return f"sqlite:///{self.fresh.absolute()}"

    @property
    def former(self) -> Path:
        """Where the index before a rebuild is kept, for a second look."""
        return self.path.with_name(f"{self.path.name}.before-rebuild")

    def exists(self) -> bool:
        return self.path.exists()

    def clear_fresh(self) -> None:
        """Remove what an interrupted rebuild left."""
        _remove(self.fresh)

    def swap(self) -> Path | None:
        """Put the new index in place; return where the former one is, None when there was none.

        Both are whole without a write-ahead log before anything moves, so that a crash at any
        point leaves one of them, complete. Only the log of a former index that is damaged beyond
        opening has to go with it: SQLite would apply it to whatever file it finds beside it.
        Raises `ArchiveUnavailable` when a log cannot be written back; then nothing has moved.
        """
        if not _fold_log(self.fresh):
            message = f"The new index in {self.fresh} is damaged: check the disk and try again."
            raise ArchiveUnavailable(message)
        kept = None
        if self.path.exists():
            _fold_log(self.path)
            kept = self.former
            _remove(kept)
            kept.hardlink_to(self.path)
            for companion in _COMPANIONS:
                with suppress(FileNotFoundError):
                    _beside(self.path, companion).rename(_beside(kept, companion))
        for companion in _COMPANIONS:
            _beside(self.path, companion).unlink(missing_ok=True)
        self.fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return kept


def _fold_log(path: Path) -> bool:
    """Write the log of the database at `path` back into it; False when that file is damaged."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            return False
        message = f"The log of the index {path} cannot be written back: {error}."
        raise ArchiveUnavailable(message) from error
    log = _beside(path, "-wal")
    if busy or (log.exists() and log.stat().st_size):
        message = f"The index {path} is in use by another program. Stop it and try again."
        raise ArchiveUnavailable(message)
    return True


def _beside(path: Path, companion: str) -> Path:
    return path.with_name(path.name + companion)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    for companion in _COMPANIONS:
        _beside(path, companion).unlink(missing_ok=True)
