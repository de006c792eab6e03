"""One request and its answer, as the layers of the HTTP application see it pass."""

from dataclasses import dataclass
from typing import Final

from starlette.types import Scope

EXCHANGE: Final = "hilum.exchange"
"""Key of the `Exchange` in an ASGI scope."""
UNKNOWN_ROUTE: Final = "unknown"


@dataclass(slots=True)
class Exchange:
    """Filled on the way: by the dispatcher with the route, by `send` with what left."""

    correlation_id: str
    template: str = UNKNOWN_ROUTE
    quiet: bool = False
    """A route that machines poll; its log line is for debugging only."""
    status: int = 0
    """0 until the answer has begun."""
    complete: bool = False
    bytes_in: int = 0
    bytes_out: int = 0


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that `Edge` began."""
    exchange: Exchange = scope[EXCHANGE]
    return exchange
