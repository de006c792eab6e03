"""Telling of an outage once when it begins and once when it ends, however often it is met."""

from hilum.foundation.clock import Clock


class Outage:
    """What fails again and again counts as one outage until it works.

    `if outage.met(): log the warning`; `if (seconds := outage.over()) is not None: log the end`.
    """

    __slots__ = ("_clock", "_since")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def met(self) -> bool:
        """It failed; True when it had worked before."""
        if self._since is not None:
            return False
        self._since = self._clock.monotonic()
        return True

    def over(self) -> float | None:
        """It worked; for how many seconds it had not, None when it had."""
        if self._since is None:
            return None
        since, self._since = self._since, None
        return round(self._clock.monotonic() - since, 1)
