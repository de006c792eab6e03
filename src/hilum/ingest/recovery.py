"""After a crash: objects whose rows were never committed are removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from hilum.domain.identifiers import ObjectKey
from hilum.ports.index import InstanceReader
from hilum.ports.objects import ObjectStore, WriteIntents

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery found."""

    kept: int
    """Writes that had been committed."""
    removed: int
    """Writes that had not, whose objects are gone now."""


async def recover(intents: WriteIntents, index: InstanceReader, objects: ObjectStore) -> Recovered:
    """Settle every write that a dead process left unfinished; to be run before the doors open.

    May be interrupted and run again: notes are dropped when all of their objects are settled.
    """
    unfinished = iter(intents.unfinished())
    kept = removed = 0
    while page := list(islice(unfinished, _PAGE)):
        gone = await settle(page, index, objects)
        removed += gone
        kept += len(page) - gone
    intents.forget_unfinished()
    return Recovered(kept, removed)


async def settle(keys: Sequence[ObjectKey], index: InstanceReader, objects: ObjectStore) -> int:
    """Remove those objects that the index does not refer to; returns how many.

    The index is asked even when a commit failed: a connection may break after the commit.
    """
    referenced = await index.referenced(keys)
    orphans = [key for key in keys if key not in referenced]
    for key in orphans:
        await objects.delete(key)
    return len(orphans)
