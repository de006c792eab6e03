"""Components that can say whether they work."""

from typing import Protocol


class NotReady(Exception):
    """A component cannot work; the text says why and is safe to show."""


class Check(Protocol):
    """One component."""

    @property
    def name(self) -> str: ...

    async def __call__(self) -> str:
        """Return a few words about the state. Raises `NotReady` or a `HilumError`."""
        ...
