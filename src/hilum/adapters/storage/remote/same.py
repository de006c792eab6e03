"""Comparing what a bucket holds with what was to be put there."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from hilum.adapters.storage.faults import archive_fault
from hilum.adapters.storage.remote.bucket import Bucket
from hilum.domain.errors import ObjectExists


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes in memory."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def part(self, offset: int, length: int) -> memoryview | bytes:
        return memoryview(self.data)[offset : offset + length]


@dataclass(frozen=True, slots=True)
class FileBytes:
    """Bytes in a file of the spool."""

    path: Path
    size_bytes: int

    async def part(self, offset: int, length: int) -> memoryview | bytes:
        try:
            return await asyncio.to_thread(_read, self.path, offset, length)
        except OSError as error:
            raise archive_fault(error, "reading a spooled instance") from error


async def is_same(bucket: Bucket, path: str, content: Bytes | FileBytes, chunk_bytes: int) -> bool:
    """False when nothing is at `path`. Raises `ObjectExists` when other bytes are."""
    size = await bucket.size(path)
    if size is None:
        return False
    same = size == content.size_bytes
    for offset in range(0, size, chunk_bytes):
        if not same:
            break
        held = await bucket.read_if_there(path, offset, chunk_bytes)
        if held is None:
            return False
        same = held == await content.part(offset, chunk_bytes)
    if not same:
        message = "Other bytes lie under the name that an object was to have."
        raise ObjectExists(message)
    return True


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        return os.pread(file.fileno(), length, offset)
