"""What is counted where pixels are worked on."""

from enum import StrEnum
from typing import Protocol


class PixelOutcome(StrEnum):
    """What became of a task."""

    DONE = "done"
    NOT_DECODABLE = "not-decodable"
    NOT_TRANSCODABLE = "not-transcodable"
    TOO_LARGE = "too-large"
    """Over a limit of size or memory."""
    TOO_SLOW = "too-slow"
    CRASHED = "crashed"
    """The worker died of it."""
    REFUSED = "refused"
    """The queue was full, or no worker could be started."""
    ABANDONED = "abandoned"
    """Nobody waited for it any more."""
    FAILED = "failed"
    """A bug of ours."""


class PixelMeter(Protocol):
    """Called from the event loop."""

    def task(self, kind: str, outcome: PixelOutcome, seconds: float) -> None:
        """A task ended after `seconds`, waiting for its turn included."""
        ...

    def waiting(self, tasks: int) -> None:
        """So many tasks wait for a worker."""
        ...


class SilentPixelMeter:
    """Counts nothing."""

    def task(self, kind: str, outcome: PixelOutcome, seconds: float) -> None:
        """Do nothing."""

    def waiting(self, tasks: int) -> None:
        """Do nothing."""
