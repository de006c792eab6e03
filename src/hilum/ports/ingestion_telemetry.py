"""What doors that fetch for themselves measure, under the words of the middleware's contract."""

from typing import Protocol


class IngestionMeter(Protocol):
    """Counts what became of studies; implementations never block and never raise."""

    def succeeded(self) -> None:
        """A study was fetched, kept and announced."""
        ...

    def failed(self, reason: str, /) -> None:
        """An attempt at a study failed, in whole or in part; one of the documented reasons."""
        ...

    def dead_lettered(self, reason: str, /) -> None:
        """A failure was written to the feed as a dead letter."""
        ...

    def visited(self, seconds: float, /) -> None:
        """A study was fetched, kept and announced in this time."""
        ...

    def backlog(self, source: str, waiting: int, /) -> None:
        """How many arrivals of a source wait or are being fetched."""
        ...
