"""What the access use case tells of its decisions."""

from typing import Protocol


class AccessMeter(Protocol):
    def admitted(self, credential: str) -> None:
        """A caller was let in; `credential` says how it proved itself."""
        ...

    def refused(self, reason: str) -> None:
        """A caller was refused; `reason` is one of a small fixed set of words."""
        ...


class NoAccessMeter:
    """Counts nothing."""

    __slots__ = ()

    def admitted(self, credential: str) -> None:
        pass

    def refused(self, reason: str) -> None:
        pass
