"""Which data partition a name means, and who may bring one into being."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hilum.domain.errors import LimitExceeded
from hilum.domain.partitions import (
    Partition,
    PartitionsOff,
    UnknownPartition,
    parse_partition_name,
)
from hilum.ports.partitions import PartitionList


@dataclass(frozen=True, slots=True)
class Partitions:
    """The data partitions of an archive, which has only the default one unless `enabled`.

    What a name means never changes, so it is asked once for each name that there is.
    """

    partitions: PartitionList
    enabled: bool = False
    most: int = 10_000
    """Value of the setting partitions.maximum: how many are made at most."""
    _known: dict[str, Partition] = field(default_factory=dict)

    async def find(self, name: str, *, make: bool = False) -> Partition:
        """The partition `name`; with `make` it comes into being if there is none.

        Raises `PartitionsOff`, `InvalidPartitionName`, `UnknownPartition`, `LimitExceeded`.
        """
        if not self.enabled:
            raise PartitionsOff
        known = self._known.get(name)
        if known is not None:
            return known
        found = await self.partitions.named(parse_partition_name(name))
        if found is None and make:
            found = await self.partitions.make(name, self.most)
            if found is None:
                what = "There are too many data partitions for another one"
                raise LimitExceeded("partitions.maximum", self.most, what)
        if found is None:
            raise UnknownPartition(name)
        self._known[name] = found
        return found

    async def all(self) -> Sequence[Partition]:
        """Every partition, oldest first. Raises `PartitionsOff`."""
        if not self.enabled:
            raise PartitionsOff
        return await self.partitions.all()
