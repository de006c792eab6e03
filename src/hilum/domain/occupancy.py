"""Who may use a data folder at the same time."""

from enum import Enum


class Hold(Enum):
    """How a process uses a data folder."""

    SERVER = "server"
    """One whole server, beside any number of `SHARED` holders."""
    ROLE = "role"
    """One of the roles that a server was divided into: several at once, but no whole server."""
    SHARED = "shared"
    """Import, export, demo, check: several at once, also while a server runs."""
    EXCLUSIVE = "exclusive"
    """Rebuild, repair and migrate: nobody else at all."""


class DataFolderInUse(Exception):
    """Another process holds the data folder in a way that excludes this one.

    `str(error)` is one line that says who and what to do.
    """
