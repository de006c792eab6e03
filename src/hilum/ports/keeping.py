"""Keeping whole batches at once, where an engine does that better than one call for each part."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hilum.domain.instances import Kept
from hilum.domain.records import Committed


@dataclass(frozen=True, slots=True)
class Keeping:
    """An instance on its last step."""

    kept: Kept
    data: bytes | None
    """Its bytes; None when the object is on stable storage already."""


class Keeper(Protocol):
    """Puts the objects of a batch on stable storage and then commits its rows."""

    @property
    def takes_bytes(self) -> int:
        """The largest instance whose bytes it takes; larger ones are put into the store before."""
        ...

    async def keep(self, batch: Sequence[Keeping]) -> Sequence[Committed]:
        """As `ObjectStore.put_once` and then `InstanceWriter.commit`, an answer for each item.

        An item whose object cannot be put is FAILED with what `put_once` would have raised; its
        rows are not written. Raises what `InstanceWriter.commit` raises; then it is not known
        which objects were put.
        """
        ...
