"""Where the pages of recent searches ended, so that the next page starts there.

Whoever walks a search page by page (offset 0, 100, 200 ...) goes on below the last row he saw: rows
that arrive meanwhile are newer and move nothing, rows that are deleted leave no gap, and nothing is
shown twice. Two who walk the same search at the same time share the memory of the later one, which
can show the earlier a row twice, as plain offsets would. An offset that no recent page ended at is
counted from the newest row.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_LIFETIME_SECONDS: Final = 300.0


class Cursors:
    """A bounded memory of (search, offset) -> key of the last row before it; for many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, search: Hashable, offset: int) -> int | None:
        """Key of the last row of the page that ended at `offset`."""
        with self._lock:
            held = self._held.get((search, offset))
        if held is None or held[1] < time.monotonic():
            return None
        return held[0]

    def note(self, search: Hashable, offset: int, key: int) -> None:
        """A page ended at `offset` with the row `key`."""
        place = (search, offset)
        with self._lock:
            self._held[place] = (key, time.monotonic() + _LIFETIME_SECONDS)
            self._held.move_to_end(place)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
