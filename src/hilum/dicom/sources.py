"""Where header bytes come from: memory, a file, or a deflated stream; read in windows."""

import os
import zlib
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from hilum.dicom.errors import DamagedDeflate, TruncatedInstance
from hilum.dicom.limits import HeaderLimits

WINDOW_BYTES: Final = 64 * 1024
"""Read at once from a source that is not in memory: the header of most instances."""


class Source(Protocol):
    """Bytes with a known length; `bytes` and `mmap` are sources."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> bytes: ...


class FileSource:
    """A file, read where and when it is asked for; never mapped, never read whole.

    Safe to use from several threads. Close it, or use it as a context manager.
    """

    __slots__ = ("_descriptor", "_size")

    def __init__(self, path: Path | str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._size = os.fstat(self._descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(self._size)
        return os.pread(self._descriptor, max(0, stop - start), start)

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class InflatedSource:
    """The data set of a deflated instance (PS3.5 A.5), inflated in bounded memory.

    Its beginning is kept; reads behind it run forward through the stream again, so a reader that
    moves forward inflates each byte at most twice.
    """

    _KEPT_BYTES: Final = 8 * 1024 * 1024
    _CHUNK_BYTES: Final = 256 * 1024
    _FREE_RATIO_BYTES: Final = 16 * 1024 * 1024
    """The ratio is not looked at before so much was inflated: small black images are innocent."""

    def __init__(self, source: Source, offset: int, limits: HeaderLimits) -> None:
        """Inflate `source` from `offset` once, to learn the size and to enforce `limits`.

        Raises `LimitExceeded`, `DamagedDeflate` or `TruncatedInstance`.
        """
        self._source = source
        self._offset = offset
        self._limits = limits
        self._kept = bytearray()
        self._rewind()
        size = 0
        while chunk := self._advance():
            if size < self._KEPT_BYTES:
                self._kept += chunk
            size += len(chunk)
            self._check(size)
        self._size = size
        self._rewind()

    def _rewind(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._next_input = self._offset
        self._chunk = b""
        self._chunk_start = 0

    def _check(self, size: int) -> None:
        limits = self._limits
        if size > limits.inflated_bytes:
            raise limits.exceeded("inflated_bytes", "The deflated data set inflates to more bytes")
        consumed = max(1, self._next_input - self._offset)
        if size > self._FREE_RATIO_BYTES and size > consumed * limits.inflation_ratio:
            what = "The deflated data set inflates to too many times its size"
            raise limits.exceeded("inflation_ratio", what)

    def _advance(self) -> bytes:
        """Return the next inflated bytes, at most a chunk; empty at the end of the stream."""
        stream = self._stream
        while not stream.eof:
            data = stream.unconsumed_tail
            if not data:
                data = self._source[self._next_input : self._next_input + WINDOW_BYTES]
                self._next_input += len(data)
                if not data:
                    missing = "the deflated stream is not finished"
                    raise TruncatedInstance(0x00020010, self._next_input, missing)
            try:
                chunk = stream.decompress(data, self._CHUNK_BYTES)
            except zlib.error as error:
                raise DamagedDeflate(self._offset) from error
            if chunk:
                return chunk
        return b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice) -> bytes:
        start, stop, _ = span.indices(self._size)
        if stop <= len(self._kept):
            return bytes(self._kept[start:stop])
        if start < self._chunk_start:
            self._rewind()
        pieces = []
        while start < stop:
            chunk_stop = self._chunk_start + len(self._chunk)
            if start < chunk_stop:
                piece = self._chunk[start - self._chunk_start : stop - self._chunk_start]
                pieces.append(piece)
                start += len(piece)
            else:
                self._chunk_start = chunk_stop
                self._chunk = self._advance()
        return b"".join(pieces)
