"""The correlation id of the work at hand; it follows tasks and threads by context."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

CORRELATION_ID: Final[ContextVar[str]] = ContextVar("hilum_correlation_id", default="")
"""Empty outside any request, association or import."""


def current_correlation_id() -> str:
    """The correlation id of the work at hand, or an empty text."""
    return CORRELATION_ID.get()


@contextmanager
def correlated(correlation_id: str) -> Iterator[None]:
    """Work under `correlation_id`: log lines written meanwhile carry it."""
    token = CORRELATION_ID.set(correlation_id)
    try:
        yield
    finally:
        CORRELATION_ID.reset(token)
