"""How many instances, and how many of their bytes, are in the pipeline at once."""

from hilum.foundation.turns import Turns


class Admission:
    """Admits in order of arrival. One instance larger than the bound on bytes goes alone."""

    def __init__(self, instances: int, size_bytes: int) -> None:
        self._most_instances = instances
        self._most_bytes = size_bytes
        self._instances = 0
        self._bytes = 0
        self._turns = Turns(self._take, self.leave)

    @property
    def instances(self) -> int:
        """How many are in the pipeline now."""
        return self._instances

    async def enter(self, size_bytes: int) -> None:
        """Wait for a place; may be cancelled."""
        await self._turns.wait(size_bytes)

    def leave(self, size_bytes: int) -> None:
        """Give the place back."""
        self._instances -= 1
        self._bytes -= size_bytes
        self._turns.serve()

    def _take(self, size_bytes: int) -> bool:
        if self._instances and (
            self._instances >= self._most_instances or self._bytes + size_bytes > self._most_bytes
        ):
            return False
        self._instances += 1
        self._bytes += size_bytes
        return True
