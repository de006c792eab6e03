"""The file of the index and the one that takes its place after a rebuild."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_COMPANIONS = ("-wal", "-shm", "-journal")
"""SQLite's files beside a database."""


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

    def clear_fresh(self) -> None:
        """Remove what an interrupted rebuild left."""
        _remove(self.fresh)

    def swap(self) -> Path | None:
        """Put the new index in place; return where the former one is, None when there was none.

        The former's write-ahead log goes with it, before: SQLite would apply it to whatever file
        it finds beside it.
        """
        kept = None
        if self.path.exists():
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


def _beside(path: Path, companion: str) -> Path:
    return path.with_name(path.name + companion)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    for companion in _COMPANIONS:
        _beside(path, companion).unlink(missing_ok=True)
