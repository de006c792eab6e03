"""The extended query tags as this process last knew them, at hand while instances are read.

The commit compares generations and makes values anew where others have changed the tags since, so
an old state costs time and loses nothing.
"""

import time
from typing import Final

from hilum.domain.errors import ArchiveFault
from hilum.domain.extended_tags import NO_EXTENDED_TAGS, ExtendedTags
from hilum.ports.extended_tags import ReadsExtendedTags

_SECONDS: Final = 1.0


class CurrentTags:
    """Asks the index when it is asked and a second has passed; `refresh` asks at once."""

    def __init__(self, index: ReadsExtendedTags, seconds: float = _SECONDS) -> None:
        self._index = index
        self._seconds = seconds
        self._due = 0.0
        self.known: ExtendedTags = NO_EXTENDED_TAGS

    def is_due(self) -> bool:
        return time.monotonic() >= self._due

    async def refresh(self) -> ExtendedTags:
        """Ask now; while the index cannot answer, what was known stays."""
        self._due = time.monotonic() + self._seconds  # others need not ask meanwhile
        try:
            self.known = await self._index.extended_tags()
        except ArchiveFault:
            return self.known  # whoever keeps something hears of it
        return self.known
