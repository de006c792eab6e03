"""How often somebody failed lately."""

import math
from collections import OrderedDict
from typing import Final

from hilum.foundation.clock import Clock

_WINDOW_SECONDS: Final = 60.0
_REMEMBERED: Final = 4096


class Attempts:
    """Failures by name in windows of a minute, each from the first one on.

    Of the names that failed only the newest 4096 are remembered, so that made-up ones cost no
    memory.
    """

    __slots__ = ("_clock", "_failures", "_per_minute")

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, who: str) -> int:
        """Seconds until `who` may try again; 0 is at once."""
        began, count = self._failures.get(who, (0.0, 0))
        left = began + _WINDOW_SECONDS - self._clock.monotonic()
        return math.ceil(left) if count >= self._per_minute and left > 0 else 0

    def failed(self, who: str) -> None:
        """Note a failure."""
        now = self._clock.monotonic()
        began, count = self._failures.pop(who, (now, 0))
        if now - began >= _WINDOW_SECONDS:
            began, count = now, 0
        self._failures[who] = (began, count + 1)
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
