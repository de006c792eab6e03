"""What the followers of a process share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hilum.foundation.bell import Bell
from hilum.foundation.clock import Clock
from hilum.ports.delivery import DeliveryStore
from hilum.ports.delivery_telemetry import DeliveryMeter
from hilum.ports.index import FeedReader

Wait = Callable[[Bell, int, float], Awaitable[None]]
"""Waits until the bell was rung more often than so, or for so many seconds."""


async def wait_for(bell: Bell, rung: int, seconds: float) -> None:
    """`Wait`, in real time."""
    await bell.wait(rung, seconds)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all followers of a process share."""

    feed: FeedReader
    store: DeliveryStore
    fed: Bell
    """Rung when the feed has grown."""
    nudged: Bell
    """Rung when a follower should look around: a command, the end."""
    clock: Clock
    meter: DeliveryMeter
    lease_left: Callable[[str], float]
    """Seconds for which this process surely has the lease of this name; 0: it has not."""
    wait: Wait = wait_for

    def holds(self, name: str) -> bool:
        """Whether this process has the lease of this name."""
        return self.lease_left(name) > 0
