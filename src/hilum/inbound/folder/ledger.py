"""The ledger: which files of an import the archive has accepted, so that a rerun skips them.

A ledger may lose its newest lines (the same bytes twice are a no-op) but never holds a file that
was not acknowledged: a record is written after the archive's answer, in one write. What was held
then may be deleted or lost since, so a record also says which version of the archive holds the
file and how its data set's digest begins: the archive can be asked whether it still does.
"""

import fcntl
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from hilum.domain.identifiers import Version

_MAGIC: Final = b"hilum import 2\r\n"
_RECORD: Final = np.dtype([("high", ">u8"), ("low", ">u8"), ("version", ">u8"), ("digest", "V8")])
_DIGEST_BYTES: Final = 8


class ImportRunning(Exception):
    """Another import of the same paths holds the ledger."""


@dataclass(frozen=True, slots=True)
class HeldAs:
    """Where the archive had a file when it accepted it."""

    version: Version
    digest: bytes
    """First bytes of the SHA-256 of the data set."""

    def is_kept_in(self, digests: Mapping[Version, tuple[bytes, bytes]]) -> bool:
        """True when the version that the archive has is the one that was accepted."""
        kept = digests.get(self.version)
        return kept is not None and kept[1].startswith(self.digest)


class Ledger:
    """A file of 32-byte records, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises `ImportRunning` or `OSError`."""
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise ImportRunning from error
        self._records = self._load()

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
        return len(self._records)

    def held_as(self, identity: bytes) -> HeldAs | None:
        """Say as what the file was accepted; None when it was not before the ledger was opened.

        The last word counts when it was accepted more than once.
        """
        high, low = (int.from_bytes(part) for part in (identity[:8], identity[8:]))
        first = int(np.searchsorted(self._high, np.uint64(high), side="left"))
        last = int(np.searchsorted(self._high, np.uint64(high), side="right"))
        for record in reversed(self._records[first:last]):
            if int(record["low"]) == low:
                return HeldAs(Version(int(record["version"])), record["digest"].tobytes())
        return None

    def accepted(self, identity: bytes, version: Version, dataset_sha256: bytes) -> None:
        """Remember a file that the archive holds now."""
        record = identity + version.to_bytes(8) + dataset_sha256[:_DIGEST_BYTES]
        os.write(self._descriptor, record)

    def forget(self) -> None:
        """Start again from nothing."""
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, _MAGIC)
        self._records = np.empty(0, dtype=_RECORD)
        self._high = np.empty(0, dtype=np.uint64)

    def _load(self) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
        """Read and sort the records: 40 bytes of memory for each; a torn last one is cut off."""
        size = os.fstat(self._descriptor).st_size
        head = os.pread(self._descriptor, len(_MAGIC), 0)
        whole = (size - len(_MAGIC)) // _RECORD.itemsize
        if head != _MAGIC or whole <= 0:
            self.forget()
            return self._records
        os.ftruncate(self._descriptor, len(_MAGIC) + whole * _RECORD.itemsize)
        records = np.fromfile(self.path, dtype=_RECORD, count=whole, offset=len(_MAGIC))
        records = records[np.argsort(records["high"], kind="stable")]
        self._high = records["high"].astype(np.uint64)
        return records


def ledger_path(folder: Path, paths: Sequence[Path]) -> Path:
    """Name the ledger of an import of `paths`, whatever their order and the working directory."""
    names = sorted({str(path.resolve()) for path in paths})
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{digest[:32]}.ledger"
