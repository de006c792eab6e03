"""Whether a SQLite database has changed since it was last asked."""

import sqlite3
from contextlib import suppress
from pathlib import Path


class SqliteWatch:
    """`Watch`, by a connection that does nothing else.

    `PRAGMA data_version` is another number when anybody else has committed in between. SQLite finds
    out in memory that the processes share, and reads one page of the file after a change.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """See `Watch.open`. Without a connection nothing can be told, and nothing fails."""
        with suppress(sqlite3.Error):
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )

    def state(self) -> int | None:
        """See `Watch.state`."""
        if self._connection is None:
            return None
        try:
            version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            return None  # whoever asks for more hears what is wrong
        return version

    def close(self) -> None:
        """See `Watch.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
