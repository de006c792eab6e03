"""The end of the feed, read once for all who listen."""

import asyncio
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from hilum.domain.records import FeedEntry
from hilum.foundation.bell import Bell
from hilum.ports.index import FeedReader

_PAGE: Final = 500


class FeedTail:
    """Keeps the newest `keep_entries`; who is behind them reads the feed itself.

    However many listen, news is read from the database once, when `fed` rings, and every
    `poll_seconds` for what other processes wrote.
    """

    def __init__(
        self, feed: FeedReader, fed: Bell, *, keep_entries: int, poll_seconds: float
    ) -> None:
        self._feed = feed
        self._fed = fed
        self._kept: deque[FeedEntry] = deque(maxlen=keep_entries)
        self._poll_seconds = poll_seconds
        self._before: int | None = None
        """The sequence before the oldest kept; None: nothing was read yet."""
        self._last = 0
        self._read_at = (-1, 0.0)
        self._reading = asyncio.Lock()

    def begin(self, last: int) -> None:
        """Follow the feed from `last` on; what was said first counts."""
        if self._before is None:
            self._before = self._last = last

    async def after(self, sequence: int) -> Sequence[FeedEntry]:
        """The next entries above `sequence`, a bounded number; empty when nothing is new."""
        if self._before is None or sequence < self._before:
            return await self._feed.feed(sequence, _PAGE)
        if sequence >= self._last:
            await self._refresh(sequence)
        start = bisect_right(self._kept, sequence, key=lambda entry: entry.sequence)
        return list(islice(self._kept, start, start + _PAGE))

    async def _refresh(self, sequence: int) -> None:
        async with self._reading:
            rung, now = self._fed.rung, time.monotonic()
            read_rung, read_at = self._read_at
            fresh = rung == read_rung and now - read_at < self._poll_seconds / 2
            if sequence < self._last or fresh:
                return
            page = await self._feed.feed(self._last, _PAGE)
            # A full page may have more behind it: then this look does not count as the newest.
            self._read_at = (rung, now) if len(page) < _PAGE else (-1, 0.0)
            for entry in page:
                if len(self._kept) == self._kept.maxlen:
                    self._before = self._kept[0].sequence
                self._kept.append(entry)
            if page:
                self._last = page[-1].sequence
