"""The limit of open files: raised as far as it goes, and shared out among those who open."""

import resource
from pathlib import Path
from typing import Final

from hilum.servers.http_room import ConnectionRoom
from hilum.settings import Settings

_MOST: Final = 1 << 20
"""More is of no use, and some libraries walk through all that might be open."""
_BASE: Final = 128
"""What the archive itself has open (database, locks, notes, keeper), and calls to others."""
_PER_ASSOCIATION: Final = 4
"""Connection, two to wake it up, and a data set in the spool."""
_PER_REQUEST: Final = 2


def raise_open_files() -> None:
    """Raise the soft limit (`ulimit -Sn`) to the hard one, as far as it is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def open_files_wanted(settings: Settings) -> int:
    """How many files a server with these settings may have to open at once."""
    http, dimse = settings.http, settings.dimse
    associations = dimse.associations if dimse.port else 0
    return _BASE + _PER_REQUEST * http.connections + _PER_ASSOCIATION * associations


def http_room(settings: Settings) -> ConnectionRoom:
    """Room for HTTP in what is left of the limit when all else is open: call it last."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return ConnectionRoom(settings.http.connections)
    free = soft - _open_now()
    others = open_files_wanted(settings) - _PER_REQUEST * settings.http.connections
    return ConnectionRoom.within(settings.http.connections, free - min(others, free // 4))


def _open_now() -> int:
    """Descriptors this process has open; a guess where the system does not tell."""
    try:
        return sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:
        return _BASE
