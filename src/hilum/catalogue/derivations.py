"""What is made of instances is made once: it comes from the cache, or from who makes it now."""

from collections.abc import Awaitable, Callable

from hilum.domain.identifiers import Version
from hilum.foundation.single_flight import SingleFlight
from hilum.ports.derived import DerivedStore


class Derivations:
    """Gives a derived object from the cache, or has it made and keeps it."""

    def __init__(self, store: DerivedStore | None) -> None:
        """Without a store, only those who ask at the same time share what is made."""
        self._store = store
        self._flights: SingleFlight[bytes] = SingleFlight()

    async def __call__(
        self, version: Version, recipe: str, make: Callable[[], Awaitable[bytes]]
    ) -> bytes:
        """Return what `recipe` makes of a version; `recipe` as `DerivedStore` has it.

        An error of `make` is raised to all who wait for it, and nothing is kept.
        """
        store = self._store
        if store is None:
            return await self._flights((version, recipe), make)
        data = await store.get(version, recipe)
        if data is not None:
            return data

        async def make_and_keep() -> bytes:
            made = await make()
            await store.put(version, recipe, made)
            return made

        return await self._flights((version, recipe), make_and_keep)
