"""The list of data partitions. The default partition is always on it.

All of it raises `ArchiveUnavailable` when the database cannot be used.
"""

from collections.abc import Sequence
from typing import Protocol

from hilum.domain.partitions import Partition


class PartitionList(Protocol):
    async def named(self, name: str) -> Partition | None:
        """The partition of that name."""
        ...

    async def make(self, name: str, most: int) -> Partition | None:
        """The partition of that name, made if there is none; durable on return.

        Of several that make it at once each gets the same. None when there are `most` already.
        """
        ...

    async def all(self) -> Sequence[Partition]:
        """Every partition, oldest first."""
        ...

    async def filled(self) -> str | None:
        """The name of one, beside the default partition, that holds something."""
        ...
