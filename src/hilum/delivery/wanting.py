"""Which entries of the feed a subscription wants, and as which events."""

from collections.abc import Sequence

import orjson

from hilum.delivery.rendering import types_of
from hilum.domain.delivery import EventFilter
from hilum.domain.records import FeedEntry, FeedKind
from hilum.ports.delivery import DeliveryStore

Wanted = tuple[FeedEntry, Sequence[str]]
"""An entry and the types of the events it is told by."""


class Wanting:
    """Applies a filter to pages of the feed.

    The modality and the source of an instance are asked of the index, and only for a filter that
    has them. An instance that was deleted meanwhile has none any more: its events are told, since
    a receiver can do without one too many but not without one.
    """

    def __init__(
        self, wanted: EventFilter, store: DeliveryStore, *, when_unknown: bool = True
    ) -> None:
        """`when_unknown`: whether what has no modality or source any more is wanted."""
        self._types = {
            kind: tuple(each for each in types_of(kind) if wanted.wants_type(each))
            for kind in FeedKind
        }
        self._partitions = frozenset(wanted.partitions)
        self._modalities = frozenset(wanted.modalities)
        self._sources = frozenset(wanted.sources)
        self._store = store
        self._when_unknown = when_unknown

    async def of(self, page: Sequence[FeedEntry]) -> Sequence[Wanted]:
        """Keep what is wanted of a page, in its order."""
        types, partitions = self._types, self._partitions
        found = [
            (entry, types[entry.kind])
            for entry in page
            if types[entry.kind] and (not partitions or entry.partition in partitions)
        ]
        if not found or not (self._modalities or self._sources):
            return found
        versions = [entry.version for entry, _ in found if entry.kind.of_instance]
        origins = await self._store.origins(versions) if versions else {}
        return [
            (entry, names)
            for entry, names in found
            if (
                self._wants_origin(origins.get(entry.version))
                if entry.kind.of_instance
                else self._wants_fact(entry)
            )
        ]

    def _wants_origin(self, origin: tuple[str, str, str] | None) -> bool:
        if origin is None:
            return self._when_unknown
        door, peer, modality = origin
        return (not self._modalities or modality in self._modalities) and (
            not self._sources or door in self._sources or peer in self._sources
        )

    def _wants_fact(self, entry: FeedEntry) -> bool:
        try:
            payload = orjson.loads(entry.payload or "")
            modalities, source = payload.get("modalities"), payload.get("source")
        except (orjson.JSONDecodeError, AttributeError):
            return True  # rendering it finds the damage and files it
        if self._modalities and modalities is not None and not self._modalities & set(modalities):
            return False
        return not self._sources or source in self._sources
