"""A reserve of free disk space, so that a full archive can still delete, log and commit."""

import os
import threading
import time
from pathlib import Path
from typing import Final

from hilum.domain.errors import ArchiveFull

_FRESH_SECONDS: Final = 1.0


class FreeSpace:
    """Asks the file system once a second and counts down what is written meanwhile.

    Before it says no it asks again.
    """

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._lock = threading.Lock()
        self._asked = -_FRESH_SECONDS
        self._free = 0

    def demand(self, size_bytes: int) -> None:
        """Raise `ArchiveFull` when `size_bytes` more would eat into the reserve."""
        with self._lock:
            now = time.monotonic()
            lacking = self._free - size_bytes < self._reserve
            if lacking or now - self._asked >= _FRESH_SECONDS:  # freed space counts at once
                self._free = free_bytes(self._folder)
                self._asked = now
            if self._free - size_bytes < self._reserve:
                message = (
                    f"{self._free} bytes are free on the archive's disk and"
                    f" storage.reserve_bytes keeps {self._reserve} of them. Free or add disk space."
                )
                raise ArchiveFull(message)
            self._free -= size_bytes


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write on the file system of `folder`."""
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
