"""What the clients of RabbitMQ do to whoever waits for them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from hilum.foundation.tasks import is_being_cancelled


@contextmanager
def connection_errors() -> Iterator[None]:
    """Raise `ConnectionError` where the library cancels whoever waits when a connection breaks.

    A cancellation of the running task itself passes.
    """
    try:
        yield
    except asyncio.CancelledError:
        if is_being_cancelled():
            raise
        raise ConnectionError from None
