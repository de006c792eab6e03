"""Where things that were made from an instance are kept, so that they are made once."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from hilum.domain.identifiers import Version


class DerivedStore(Protocol):
    """A cache: what was put may be gone at any time, and can always be made again.

    `recipe` says everything that the bytes depend on beside the instance. It is any text, and
    begins with the digest of the data set where that is known: an index that was restored from a
    backup gives out numbers of versions again.
    """

    async def get(self, version: Version, recipe: str) -> bytes | None:
        """Return what was put whole, never less; None when it is not here. Never raises."""
        ...

    async def put(self, version: Version, recipe: str, data: bytes) -> None:
        """Keep `data` if that is possible; a disk that is full or fails is counted and logged.

        Nothing is kept of a version that `forget` was called for. Never raises.
        """
        ...


class Forgetting(Protocol):
    """What whoever frees the space of instances needs of a cache of derived objects."""

    async def forget(self, version: Version) -> None:
        """Remove what was made of a version that is gone; nothing of it is kept from now on.

        Raises `ArchiveUnavailable` when it cannot be removed.
        """
        ...


class HeldVersions(Protocol):
    """What is needed to find objects whose instance is gone."""

    def versions(self) -> AsyncIterator[Sequence[Version]]:
        """Yield the versions of which something is kept, some at a time.

        Raises `ArchiveUnavailable`.
        """
        ...
