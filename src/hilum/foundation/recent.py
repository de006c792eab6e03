"""What was used lately, within a bound."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, up to a cost of `most` together; the longest unused go first."""

    __slots__ = ("_cost", "_most", "_values")

    def __init__(self, most: int) -> None:
        """`most` counts whatever `keep` is told that a value costs: bytes, or values themselves."""
        self._most = most
        self._cost = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return what is kept, which counts as a use."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def keep(self, key: K, value: V, cost: int = 1) -> None:
        """Keep `value` in place of what there was, unless it alone costs more than all may."""
        _, replaced = self._values.pop(key, (None, 0))
        self._cost -= replaced
        if cost > self._most:
            return
        self._values[key] = value, cost
        self._cost += cost
        while self._cost > self._most:
            _, (_, dropped) = self._values.popitem(last=False)
            self._cost -= dropped

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._cost = 0
