"""The ledger: which files of an import the archive has accepted, so that a rerun skips them.

A ledger may lose its newest lines (the same bytes twice are a no-op) but never holds a file that
was not acknowledged: a record is written after the archive's answer, in one write.
"""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

_MAGIC: Final = b"hilum import 1\r\n"
_RECORD_BYTES: Final = 16
_HALVES: Final = np.dtype([("high", ">u8"), ("low", ">u8")])


class ImportRunning(Exception):
    """Another import of the same paths holds the ledger."""


class Ledger:
    """A file of 16-byte identities, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises `ImportRunning` or `OSError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise ImportRunning from error
        self._high, self._low = self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def __len__(self) -> int:
        """How many files had been accepted when the ledger was opened."""
        return len(self._high)

    def __contains__(self, identity: bytes) -> bool:
        """True when the file was accepted before the ledger was opened."""
        high, low = (int.from_bytes(part) for part in (identity[:8], identity[8:]))
        first = int(np.searchsorted(self._high, np.uint64(high), side="left"))
        last = int(np.searchsorted(self._high, np.uint64(high), side="right"))
        return any(int(self._low[index]) == low for index in range(first, last))

    def accepted(self, identity: bytes) -> None:
        """Remember a file that the archive holds now."""
        os.write(self._descriptor, identity)

    def forget(self) -> None:
        """Start again from nothing."""
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, _MAGIC)
        self._high = self._low = np.empty(0, dtype=np.uint64)

    def _load(self) -> tuple["np.ndarray[tuple[int], np.dtype[np.uint64]]", ...]:
        """Read and sort the records: 16 bytes of memory for each; a torn last one is cut off."""
        size = os.fstat(self._descriptor).st_size
        head = os.pread(self._descriptor, len(_MAGIC), 0)
        whole = (size - len(_MAGIC)) // _RECORD_BYTES
        if head != _MAGIC or whole <= 0:
            self.forget()
            return self._high, self._low
        os.ftruncate(self._descriptor, len(_MAGIC) + whole * _RECORD_BYTES)
        records = np.fromfile(self.path, dtype=_HALVES, count=whole, offset=len(_MAGIC))
        high, low = records["high"].astype(np.uint64), records["low"].astype(np.uint64)
        order = np.argsort(high, kind="stable")
        return high[order], low[order]


def ledger_path(folder: Path, paths: Sequence[Path]) -> Path:
    """Name the ledger of an import of `paths`, whatever their order and the working directory."""
    names = sorted({str(path.resolve()) for path in paths})
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{digest[:32]}.ledger"
