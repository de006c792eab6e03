"""What the HTTP server tells of its requests. Labels come from small fixed sets."""

from typing import Protocol


class HttpMeter(Protocol):
    def began(self) -> None:
        """A request arrived."""
        ...

    def ended(
        self,
        *,
        route: str,
        method: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """The request was answered, or given up with status 499.

        `route` is the template of the path (`/v2/studies/{study}`), never the path itself;
        `method` is one the server offers, or `other`.
        """
        ...

    def limited(self, limit: str) -> None:
        """A request ran into the limit that is set by the setting named `limit`."""
        ...


class NoHttpMeter:
    """Counts nothing."""

    __slots__ = ()

    def began(self) -> None:
        pass

    def ended(
        self,
        *,
        route: str,
        method: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        pass

    def limited(self, limit: str) -> None:
        pass
