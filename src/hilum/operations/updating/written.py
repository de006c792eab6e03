"""Objects that were written and whose rows are not committed yet."""

from collections.abc import Awaitable, Callable

from hilum.domain.identifiers import ObjectKey
from hilum.ports.objects import WriteIntents


class WrittenObjects:
    """Each is noted as an intent before it is written, so that a crash leaves none behind."""

    def __init__(
        self, intents: WriteIntents, settle: Callable[[ObjectKey], Awaitable[None]]
    ) -> None:
        """`settle` removes an object unless the index refers to it, and ends its intent."""
        self._intents = intents
        self._settle = settle
        self._keys: dict[ObjectKey, None] = {}

    def begin(self, key: ObjectKey) -> None:
        self._intents.begin(key)
        self._keys[key] = None

    def leave(self, key: ObjectKey) -> None:
        """What has this name was not written here."""
        self._keys.pop(key, None)
        self._intents.end(key)

    def committed(self) -> None:
        """All of them have their rows."""
        for key in self._keys:
            self._intents.end(key)
        self._keys.clear()

    async def settle(self) -> None:
        """Remove those that have no rows; the index is asked, whatever a commit said."""
        while self._keys:
            key = next(iter(self._keys))
            await self._settle(key)
            del self._keys[key]
