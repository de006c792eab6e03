"""Files with holes, which are large and take no space."""

from pathlib import Path
from types import TracebackType
from typing import Self


class SparseFile:
    """A file being written; what is skipped reads as zeros."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def skip(self, size_bytes: int) -> None:
        self._file.seek(size_bytes, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
