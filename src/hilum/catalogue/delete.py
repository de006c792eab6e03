"""Deleting: gone from every answer at once, freed from the store afterwards."""

from collections.abc import Callable

from hilum.catalogue.not_held import not_held
from hilum.domain.identifiers import Scope
from hilum.domain.origins import Origin
from hilum.ports.index import InstanceWriter


class Delete:
    """Takes a study, series or instance out of the archive."""

    def __init__(self, index: InstanceWriter, freeing_due: Callable[[], None]) -> None:
        """`freeing_due` tells the worker that frees space that there is work."""
        self._index = index
        self._freeing_due = freeing_due

    async def __call__(self, scope: Scope, origin: Origin) -> int:
        """Return how many instances went.

        When it returns, nothing of `scope` can be found or retrieved, the feed tells so, and the
        objects are queued to be freed. Raises `NotHeld`, `ArchiveUnavailable`.
        """
        gone = await self._index.delete(scope, origin)
        if not gone:
            raise not_held(scope)
        self._freeing_due()
        return gone
