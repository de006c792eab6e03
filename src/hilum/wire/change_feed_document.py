"""Entries of the change feed as JSON (Azure DICOM service, section 7.2).

Metadata goes in as it is stored: compressed, between pieces of text that are not.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, Protocol

import orjson
from isal import isal_zlib

from hilum.domain.records import FeedKind, MetadataRecord
from hilum.ports.change_feed import Change, ChangeState
from hilum.wire.bulk_telling import reduced, told
from hilum.wire.metadata_join import GZIP_HEADER, gathered, stored_block

JSON_UTF_8: Final = "application/json; charset=utf-8"
_ACTIONS: Final = {
    FeedKind.CREATED: "Create",
    FeedKind.UPDATED: "Update",
    FeedKind.DELETED: "Delete",
}
_STATES: Final = {
    ChangeState.CURRENT: "Current",
    ChangeState.REPLACED: "Replaced",
    ChangeState.DELETED: "Deleted",
}


class Spelling(StrEnum):
    """How actions and states are written; the setting `change_feed.spelling`."""

    PASCAL = "pascal"
    """`Create`, `Current`: as the service's code has them."""
    LOWER = "lower"
    """`create`, `current`: as its documents show them."""


class ChangeWriter:
    """Writes entries without their metadata."""

    __slots__ = ("_lower", "_partitions")

    def __init__(self, spelling: Spelling = Spelling.PASCAL, *, partitions: bool = False) -> None:
        """`partitions`: entries say which partition they belong to."""
        self._lower = spelling is Spelling.LOWER
        self._partitions = partitions

    def __call__(self, change: Change) -> bytes:
        """A JSON object."""
        action, state = _ACTIONS[change.kind], _STATES[change.state]
        document: dict[str, object] = {"sequence": change.position}
        if self._partitions:
            document["partitionName"] = change.partition_name
        document |= {
            "studyInstanceUid": change.uids.study,
            "seriesInstanceUid": change.uids.series,
            "sopInstanceUid": change.uids.sop_instance,
            "action": action.lower() if self._lower else action,
            "timestamp": change.time.isoformat(timespec="microseconds"),
            "state": state.lower() if self._lower else state,
        }
        return orjson.dumps(document)


Told = tuple[bytes, MetadataRecord | None]
"""An entry, and the metadata to put at its end."""


class Join(Protocol):
    """A way to write a text with metadata in its midst."""

    def text(self, text: bytes) -> Iterator[bytes]: ...
    def record(self, record: MetadataRecord) -> Iterator[bytes]: ...
    def end(self) -> bytes: ...


class PlainText:
    """As it is, for clients that do not take gzip."""

    def text(self, text: bytes) -> Iterator[bytes]:
        yield text

    def record(self, record: MetadataRecord) -> Iterator[bytes]:
        yield from told(record, None)

    def end(self) -> bytes:
        return b""


class GzipText:
    """One gzip member (RFC 1952)."""

    __slots__ = ("_begun", "_crc32", "_size")

    def __init__(self) -> None:
        self._begun = False
        self._crc32 = 0
        self._size = 0

    def text(self, text: bytes) -> Iterator[bytes]:
        """`text` is shorter than 64 KiB."""
        if not self._begun:
            self._begun = True
            yield GZIP_HEADER
        self._crc32 = zlib.crc32(text, self._crc32)
        self._size += len(text)
        yield stored_block(text)

    def record(self, record: MetadataRecord) -> Iterator[bytes]:
        metadata = record.metadata
        crc32, size = metadata.crc32, metadata.size_bytes
        self._crc32 = isal_zlib.crc32_combine(self._crc32, crc32, size)
        self._size += size
        yield metadata.deflated

    def end(self) -> bytes:
        return stored_block(b"", final=True) + struct.pack(
            "<II", self._crc32, self._size & 0xFFFFFFFF
        )


def written(join: Join, entries: Iterable[Told], before: bytes, between: bytes) -> Iterator[bytes]:
    """Write entries, the first behind `before`, each other behind `between`."""
    return gathered(_pieces(join, entries, before, between))


def _pieces(join: Join, entries: Iterable[Told], before: bytes, between: bytes) -> Iterator[bytes]:
    for text, record in entries:
        if record is None:
            yield from join.text(before + text)
        else:
            yield from join.text(before + text[:-1] + b',"metadata":')
            yield from join.record(reduced(record))
            yield from join.text(b"}")
        before = between
