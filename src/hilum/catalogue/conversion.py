"""Converting instances with uncompressed pixel data to Explicit VR Little Endian.

Only the header is held in memory: pixel data streams through. A deflated data set has to be
inflated whole; what all requests together hold of such data sets is bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from hilum.dicom.explicit_little import (
    CONVERTIBLE,
    FileMetaUIDs,
    NeedsMore,
    NotConvertible,
    SplitAtPixels,
    convert_elements,
    inflate_to_explicit,
    split_at_pixels,
    swap_bytes,
)
from hilum.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
)
from hilum.domain.records import InstanceRecord
from hilum.foundation.memory import HeldMemory, MemoryBudget
from hilum.ports.objects import ObjectStore

CONVERTED_TO: Final = EXPLICIT_VR_LITTLE_ENDIAN
_FIRST_READ_BYTES: Final = 256 * 1024
_MOST_INFLATION: Final = 1040
"""Bytes that DEFLATE can make of one (its limit is 1032), with room for a header."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ConversionLimits:
    header_bytes: int = 32 << 20
    """Bytes before and after the pixel data that are held in memory."""
    inflated_bytes: int = 512 << 20
    """Size of a deflated data set when inflated."""
    memory_bytes: int = 1 << 30
    """What is held in memory of all deflated instances that are being converted or sent; further
    ones wait."""


@dataclass(frozen=True, slots=True)
class Converted:
    """An instance in its new syntax."""

    size_bytes: int | None
    """None when it is not known before it is made."""
    chunks: AsyncIterator[bytes]
    renamed_to: str | None = None
    """Its SOP Instance UID where it is another image (PS3.3 C.7.6.1.1.5)."""


def is_convertible(transfer_syntax_uid: str) -> bool:
    """True for the uncompressed syntaxes that are not Explicit VR Little Endian already."""
    return transfer_syntax_uid in CONVERTIBLE


class Conversion:
    """Converts stored instances, a bounded number of them at a time."""

    def __init__(
        self, objects: ObjectStore, threads: int, limits: ConversionLimits | None = None
    ) -> None:
        self._objects = objects
        self._limits = limits or ConversionLimits()
        self._memory = MemoryBudget(self._limits.memory_bytes)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="conversion")

    def close(self) -> None:
        """Let running conversions finish and start no more."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def __call__(self, record: InstanceRecord) -> Converted:
        """Convert the header; the pixel data is converted while it is read.

        Raises `NotConvertible`, `ObjectMissing`, `ArchiveUnavailable`.
        """
        if record.transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            return await self._inflated(record)
        split = await self._split(record)
        after = split.pixel_offset + split.pixel_length
        trailing = record.size_bytes - after
        if trailing < 0 or trailing > self._limits.header_bytes:
            message = "The elements after the pixel data cannot be read."
            raise NotConvertible(message)
        tail = b""
        if trailing:
            raw = await self._objects.read(record.object_key, after, trailing)
            tail = await self._in_thread(convert_elements, raw, record.transfer_syntax_uid)
        size = len(split.head) + split.pixel_length + len(tail)
        return Converted(size, self._chunks(record, split, tail))

    async def _split(self, record: InstanceRecord) -> SplitAtPixels:
        wanted = max(_FIRST_READ_BYTES, 2 * record.dataset_offset)
        while True:
            length = min(wanted, record.size_bytes)
            prefix = await self._objects.read(record.object_key, 0, length)
            try:
                return await self._in_thread(
                    split_at_pixels,
                    prefix,
                    record.dataset_offset,
                    record.transfer_syntax_uid,
                    _meta_uids(record),
                    length == record.size_bytes,
                )
            except NeedsMore as more:
                if length == record.size_bytes or length >= self._limits.header_bytes:
                    message = "The header is too long to be converted."
                    raise NotConvertible(message) from more
                wanted = min(4 * wanted, self._limits.header_bytes)

    async def _inflated(self, record: InstanceRecord) -> Converted:
        if record.size_bytes > self._limits.inflated_bytes:
            message = "The deflated data set is too long to be converted."
            raise NotConvertible(message)
        most = min(self._limits.inflated_bytes, record.size_bytes * _MOST_INFLATION)
        held = HeldMemory(self._memory)
        await held.reserve(record.size_bytes + most)
        try:
            data = await self._objects.read(record.object_key, 0, record.size_bytes)
            head, dataset = await self._in_thread(
                inflate_to_explicit,
                data,
                record.dataset_offset,
                _meta_uids(record),
                self._limits.inflated_bytes,
            )
        except BaseException:
            held.release()
            raise
        size = len(head) + len(dataset)
        held.shrink(size)
        return Converted(size, _two_chunks(head, dataset, held))

    async def _chunks(
        self, record: InstanceRecord, split: SplitAtPixels, tail: bytes
    ) -> AsyncIterator[bytes]:
        yield split.head
        if split.pixel_length:
            carried = b""
            stream = self._objects.stream(record.object_key, split.pixel_offset, split.pixel_length)
            async for chunk in stream:
                if split.swap_unit == 1:
                    yield chunk
                    continue
                whole, carried = swap_bytes(carried + chunk, split.swap_unit)
                yield whole
            if carried:
                yield carried
        if tail:
            yield tail

    async def _in_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


async def _two_chunks(head: bytes, dataset: bytes, held: HeldMemory) -> AsyncIterator[bytes]:
    try:
        yield head
        yield dataset
    finally:
        held.release()


def _meta_uids(record: InstanceRecord) -> FileMetaUIDs:
    return FileMetaUIDs(record.sop_class_uid, record.uids.sop_instance)
