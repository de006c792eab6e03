"""The list of data partitions in memory; nothing is durable."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hilum.domain.identifiers import DEFAULT_PARTITION, DEFAULT_PARTITION_NAME, PartitionKey
from hilum.domain.partitions import Partition

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class MemoryPartitions:
    """`PartitionList`."""

    def __init__(self) -> None:
        self.held = [Partition(DEFAULT_PARTITION, DEFAULT_PARTITION_NAME, BEGAN)]
        self.asked = 0

    async def named(self, name: str) -> Partition | None:
        self.asked += 1
        return next((each for each in self.held if each.name == name), None)

    async def make(self, name: str, most: int) -> Partition | None:
        if (found := await self.named(name)) is not None:
            return found
        if len(self.held) >= most:
            return None
        made = Partition(PartitionKey(len(self.held) + 1), name, BEGAN)
        self.held.append(made)
        return made

    async def all(self) -> Sequence[Partition]:
        return list(self.held)

    async def filled(self) -> str | None:
        return None
