"""What delivery tells of its work. No method gets patient data."""

from typing import Protocol


class DeliveryMeter(Protocol):
    """Called from the event loop; must be quick and must not raise."""

    def sent(self, subscription: str, events: int, seconds: float) -> None:
        """So many events were acknowledged by the sink."""
        ...

    def rejected(self, subscription: str, cause: str) -> None:
        """One event became a dead letter."""
        ...

    def failed(self, subscription: str) -> None:
        """An attempt to send failed and will be made again."""
        ...

    def lag(self, subscription: str, entries: int, seconds: float) -> None:
        """How many entries of the feed it has yet to look at, and how old the first of them is."""
        ...

    def running(self, subscription: str, running: bool) -> None:
        """Whether it goes on, here and now: not paused, and this process has its lease."""
        ...

    def stable(self, because: str) -> None:
        """One study was announced as stable."""
        ...

    def waiting(self, studies: int) -> None:
        """So many studies have yet to come to rest."""
        ...


class NoDeliveryMeter:
    """Counts nothing."""

    __slots__ = ()

    def sent(self, subscription: str, events: int, seconds: float) -> None:
        pass

    def rejected(self, subscription: str, cause: str) -> None:
        pass

    def failed(self, subscription: str) -> None:
        pass

    def lag(self, subscription: str, entries: int, seconds: float) -> None:
        pass

    def running(self, subscription: str, running: bool) -> None:
        pass

    def stable(self, because: str) -> None:
        pass

    def waiting(self, studies: int) -> None:
        pass
