"""What was used last is kept in memory, too: most objects are asked for again at once."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from hilum.domain.identifiers import Version

_ENTRY_BYTES: Final = 400
"""What an entry takes beside its bytes and its recipe."""
_GONE: Final = 65_536
"""Versions that are gone and remembered as such; whoever still draws one began before."""
_PART: Final = 8
"""Objects above the whole in so many are not kept: they would drive out the others."""


class RecentObjects:
    """Bounded in bytes; the longest unused go first. Used from one event loop."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._held_bytes = 0
        self._objects: OrderedDict[tuple[Version, str], bytes] = OrderedDict()
        self._recipes: dict[Version, set[str]] = {}
        self._gone: OrderedDict[Version, None] = OrderedDict()

    def get(self, version: Version, recipe: str) -> bytes | None:
        """Return what is held."""
        key = (version, recipe)
        data = self._objects.get(key)
        if data is not None:
            self._objects.move_to_end(key)
        return data

    def keep(self, version: Version, recipe: str, data: bytes) -> None:
        """Hold `data`, unless it is too large or of a version that is gone."""
        if version in self._gone or _cost(recipe, data) > self._memory_bytes // _PART:
            return
        self._drop(version, recipe)
        self._objects[version, recipe] = data
        self._recipes.setdefault(version, set()).add(recipe)
        self._held_bytes += _cost(recipe, data)
        while self._held_bytes > self._memory_bytes:
            self._drop(*next(iter(self._objects)))

    def forget(self, version: Version) -> None:
        """Drop all of a version, and hold nothing of it from now on."""
        self._gone[version] = None
        if len(self._gone) > _GONE:
            self._gone.popitem(last=False)
        for recipe in list(self._recipes.get(version, ())):
            self._drop(version, recipe)

    def versions(self) -> Sequence[Version]:
        """Every version of which something is held."""
        return list(self._recipes)

    def _drop(self, version: Version, recipe: str) -> None:
        data = self._objects.pop((version, recipe), None)
        if data is None:
            return
        self._held_bytes -= _cost(recipe, data)
        recipes = self._recipes[version]
        recipes.discard(recipe)
        if not recipes:
            del self._recipes[version]


def _cost(recipe: str, data: bytes) -> int:
    return len(data) + len(recipe) + _ENTRY_BYTES
