"""Files in places outside the archive, named by relative paths with slashes.

All of it raises `PlaceUnavailable` for what may pass and `PlaceUnusable` for what does not.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from hilum.domain.transfers import TransferPlace


@dataclass(frozen=True, slots=True)
class PlacedFile:
    name: str
    size_bytes: int


class TransferStore(Protocol):
    """One place, open."""

    async def put(self, name: str, content: bytes | AsyncIterator[bytes], size_bytes: int) -> None:
        """Put a file, whatever is there. It shows when it is whole, or not at all.

        What `content` raises comes out, and nothing is put.
        """
        ...

    async def clear(self, folder: str) -> None:
        """Remove what a process that died left below `folder` of files it had not put whole."""
        ...

    def list(self, after: str) -> AsyncIterator[PlacedFile]:
        """Every file behind `after`, in an order that is always the same; "": from the first."""
        ...

    def stream(self, file: PlacedFile) -> AsyncIterator[bytes]:
        """The bytes in chunks of bounded size. Raises `ObjectMissing` when it is gone."""
        ...

    def href(self, name: str) -> str:
        """URL of a file, without credentials."""
        ...


class TransferStores(Protocol):
    """Opens places."""

    def open(
        self, place: TransferPlace, secrets: Mapping[str, str]
    ) -> AbstractAsyncContextManager[TransferStore]: ...
