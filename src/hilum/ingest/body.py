"""One instance or file being received: in memory while small, in the spool from then on."""

from contextlib import AsyncExitStack
from typing import Final

from hilum.domain.errors import ArchiveFault
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.foundation.memory import MemoryBudget
from hilum.ports.objects import Spool, SpoolFile

_SMALL_PIECE_BYTES: Final = 4096
"""Smaller pieces are put together at once: many tiny objects would take more than their bytes."""
_SPOOL_WRITE_BYTES: Final = 256 * 1024


class InstanceBody:
    """Gathers the bytes of one instance.

    When the spool fails, the rest is read past and `fault` says why: the other instances of the
    request may still be kept. `discard` must be called at the end, in every case: what is held in
    memory is counted in the budget until then. When the budget is used up, the instance goes to
    the spool however small it is.
    """

    def __init__(self, spool: Spool, memory_bytes: int, budget: MemoryBudget) -> None:
        self._spool = spool
        self._memory_bytes = memory_bytes
        self._budget = budget
        self._reserved_bytes = 0
        self._pieces: list[memoryview | bytearray] = []
        self._gathered_bytes = 0
        self._file: SpoolFile | None = None
        self._resources = AsyncExitStack()
        self.fault: ArchiveFault | None = None
        self.size_bytes = 0

    async def write(self, piece: memoryview) -> None:
        """Append. The piece's buffer must not change afterwards."""
        self.size_bytes += len(piece)
        if self.fault is not None:
            return
        self._gather(piece)
        allowed = self._memory_bytes if self._file is None else _SPOOL_WRITE_BYTES
        if not self._reserve(len(piece)) or self._gathered_bytes > allowed:
            await self._spill()

    async def finish(self) -> Content | None:
        """Return the whole instance; None when `fault` was met."""
        if self._file is None and self.fault is None:
            return InMemory(self._take())
        if self._gathered_bytes:
            await self._spill()
        if self._file is None or self.fault is not None:
            return None
        try:
            return Spooled(self._file.path, await self._file.finish())
        except ArchiveFault as fault:
            self.fault = fault
            return None

    async def discard(self) -> None:
        """Free what is held; a spooled file that was taken over is not touched."""
        self._pieces.clear()
        self._release()
        await self._resources.aclose()

    def _reserve(self, size_bytes: int) -> bool:
        reserved = self._budget.try_reserve(size_bytes)
        if reserved:
            self._reserved_bytes += size_bytes
        return reserved

    def _release(self) -> None:
        self._budget.release(self._reserved_bytes)
        self._reserved_bytes = 0

    def _gather(self, piece: memoryview) -> None:
        self._gathered_bytes += len(piece)
        if len(piece) >= _SMALL_PIECE_BYTES:
            self._pieces.append(piece)
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += piece
        else:
            self._pieces.append(bytearray(piece))

    def _take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        self._gathered_bytes = 0
        return b"".join(pieces)

    async def _spill(self) -> None:
        data = self._take()
        try:
            if self._file is None:
                self._file = await self._resources.enter_async_context(self._spool.create())
            await self._file.write(data)
        except ArchiveFault as fault:
            self.fault = fault
            await self._resources.aclose()
        finally:
            del data
            self._release()
