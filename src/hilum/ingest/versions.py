"""Version numbers, reserved in blocks so that most instances get theirs without a transaction."""

import asyncio
from collections.abc import Iterator
from typing import Final

from hilum.domain.identifiers import Version
from hilum.ports.index import InstanceWriter

_BLOCK: Final = 1024
"""What is left of a block when the process ends is never used: gaps are normal."""


class VersionBlocks:
    """Hands out numbers that no other process and no former run hands out."""

    def __init__(self, index: InstanceWriter) -> None:
        self._index = index
        self._lock = asyncio.Lock()
        self._block: Iterator[int] = iter(())

    async def take(self) -> Version:
        """Return a number. Raises what `InstanceWriter.reserve_versions` raises."""
        number = next(self._block, None)
        while number is None:
            async with self._lock:
                number = next(self._block, None)
                if number is None:
                    self._block = iter(await self._index.reserve_versions(_BLOCK))
                    number = next(self._block, None)
        return Version(number)

    def skip_block(self) -> None:
        """Use no more of the block: its numbers have been given out before."""
        self._block = iter(())
