"""One data set while it is received: in memory first, in the spool when it grows."""

from contextlib import AbstractAsyncContextManager
from typing import Final

from hilum.domain.errors import ArchiveUnavailable, HilumError, LimitExceeded
from hilum.domain.instances import Content, InMemory, Spooled
from hilum.ports.objects import Spool, SpoolFile
from hilum.servers.dimse_bridge import LoopBridge

_SPOOL_CHUNK_BYTES: Final = 1 << 20
"""What is gathered before one hop to the event loop writes it."""


class SpoolAccess:
    """The spool as threads use it.

    Each call waits for the event loop: that lets a sender be no faster than the disk.
    """

    def __init__(self, spool: Spool, bridge: LoopBridge, seconds: float) -> None:
        self._spool = spool
        self._bridge = bridge
        self._seconds = seconds

    def open(self) -> "OpenSpoolFile":
        """Raises `ArchiveFull` or `ArchiveUnavailable`."""
        lifetime = self._spool.create()
        file = self._bridge.call(lifetime.__aenter__(), self._seconds)
        return OpenSpoolFile(file, lifetime, self._bridge, self._seconds)


class OpenSpoolFile:
    """A spool file and its lifetime."""

    def __init__(
        self,
        file: SpoolFile,
        lifetime: AbstractAsyncContextManager[SpoolFile],
        bridge: LoopBridge,
        seconds: float,
    ) -> None:
        self._file = file
        self._lifetime = lifetime
        self._bridge = bridge
        self._seconds = seconds

    def write(self, data: bytes) -> None:
        """Append. Raises `ArchiveFull` or `ArchiveUnavailable`."""
        self._bridge.call(self._file.write(data), self._seconds)

    def finish(self) -> Spooled:
        """Close for writing."""
        size_bytes = self._bridge.call(self._file.finish(), self._seconds)
        return Spooled(self._file.path, size_bytes)

    def close(self) -> None:
        """Remove the file unless it was taken over."""
        self._bridge.call(self._end(), self._seconds)

    async def _end(self) -> None:
        await self._lifetime.__aexit__(None, None, None)


class DatasetSink:
    """Takes the fragments of one data set and makes a Part 10 file of them.

    What goes wrong is kept until `finish`: the sender is heard to the end, without anything being
    kept of it, because only then it can be told by a status what was wrong.
    """

    def __init__(
        self, head: bytes, spool: SpoolAccess, *, memory_bytes: int, dataset_bytes: int
    ) -> None:
        self.size_bytes = 0
        self._buffer = bytearray(head)
        self._spool = spool
        self._memory_bytes = memory_bytes
        self._dataset_bytes = dataset_bytes
        self._file: OpenSpoolFile | None = None
        self._error: HilumError | None = None

    def write(self, fragment: memoryview) -> None:
        """Append a fragment; it is copied. Never raises a `HilumError`."""
        self.size_bytes += len(fragment)
        if self._error is not None:
            return
        if self.size_bytes > self._dataset_bytes:
            limit = self._dataset_bytes
            self._fail(LimitExceeded("dimse.dataset_bytes", limit, "Data set too large"))
            return
        self._buffer += fragment
        if self._file is None:
            if self.size_bytes > self._memory_bytes:
                self._spill()
        elif len(self._buffer) >= _SPOOL_CHUNK_BYTES:
            self._spill()

    def finish(self) -> Content | HilumError:
        """Return the whole file, or the first thing that went wrong."""
        if self._file is not None and self._buffer:
            self._spill()
        if self._error is not None:
            return self._error
        if self._file is None:
            content = InMemory(bytes(self._buffer))
            self._buffer = bytearray()
            return content
        try:
            return self._file.finish()
        except HilumError as error:
            return error

    def close(self) -> None:
        """Let go of memory and spool file, whatever state they are in."""
        self._buffer = bytearray()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except HilumError:
                # The event loop is gone or stuck; the next start empties the spool.
                return

    def _spill(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        try:
            if self._file is None:
                self._file = self._spool.open()
            self._file.write(data)
        except HilumError as error:
            self._fail(error)
        except OSError as error:
            self._fail(ArchiveUnavailable(f"The spool cannot be written ({error.strerror})."))

    def _fail(self, error: HilumError) -> None:
        self._error = error
        self.close()
