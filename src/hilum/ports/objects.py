"""The object store: named, immutable byte strings."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from hilum.domain.identifiers import ObjectKey
from hilum.domain.instances import Content


@dataclass(frozen=True, slots=True)
class StoredObject:
    key: ObjectKey
    size_bytes: int


class ObjectStore(Protocol):
    """Objects are written once, whole, and never change; one that is damaged may be replaced.

    An outage raises `ArchiveUnavailable`, a lack of space `ArchiveFull`; both heal without a
    restart. Nothing of an object is visible before `put_once` returned.
    """

    async def put_once(self, key: ObjectKey, content: Content) -> None:
        """Keep `content` under `key`; on return it survives a power failure.

        A `Spooled` content's file is taken (moved) where the engine can. Putting a key that exists
        replaces nothing: with the same bytes that is no error, with others it raises
        `ObjectExists` and leaves `content` as it was.
        """
        ...

    async def replace(self, key: ObjectKey, source: ObjectKey) -> None:
        """Let the object `source` take the place of `key`, which is damaged or lost, in one step.

        Both are of the same instance. `source` is gone afterwards; what is under `key` survives a
        power failure. Raises `ObjectMissing` when there is no `source`.
        """
        ...

    async def size(self, key: ObjectKey) -> int | None:
        """Return the size in bytes, None for an unknown key; reads nothing of the object."""
        ...

    async def read(self, key: ObjectKey, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises `ObjectMissing` for an unknown key."""
        ...

    def stream(
        self, key: ObjectKey, offset: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes in chunks of bounded size. Raises `ObjectMissing` at the first chunk."""
        ...

    async def delete(self, key: ObjectKey) -> None:
        """Free the object's space; an unknown key is no error."""
        ...

    def list(self) -> AsyncIterator[StoredObject]:
        """Yield every object, in no promised order; what changes meanwhile may or may not show."""
        ...


@runtime_checkable
class LocalObjects(Protocol):
    """An optional ability of stores whose objects are files on this machine."""

    def path(self, key: ObjectKey) -> Path:
        """Where the object lies, for reading only."""
        ...


class Spool(Protocol):
    """Where large bodies rest while they arrive; emptied of a dead process's files at start."""

    def create(self) -> AbstractAsyncContextManager["SpoolFile"]:
        """Open a new file; leaving the context removes the file unless it was taken away."""
        ...


class SpoolFile(Protocol):
    """A file being filled by one door."""

    @property
    def path(self) -> Path: ...

    async def write(self, data: bytes) -> None:
        """Append. Raises `ArchiveFull` or `ArchiveUnavailable`."""
        ...

    async def finish(self) -> int:
        """Close for writing and return the size in bytes. Durability is the object store's work."""
        ...


class WriteIntents(Protocol):
    """Remembers objects that are being written, so that a crash leaves none without a row."""

    def begin(self, key: ObjectKey) -> None:
        """Note that `key` is about to be written (cheap: one append, survives SIGKILL)."""
        ...

    def end(self, key: ObjectKey) -> None:
        """Note that `key` is settled: committed, or deleted again."""
        ...

    def unfinished(self) -> "list[ObjectKey]":
        """Keys begun and not ended by processes that no longer run."""
        ...

    def forget_unfinished(self) -> None:
        """Drop the notes of dead processes, after their keys were settled."""
        ...
