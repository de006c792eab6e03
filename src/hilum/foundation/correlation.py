"""The correlation id of the work at hand; it follows tasks and threads by context."""

from contextvars import ContextVar
from typing import Final

CORRELATION_ID: Final[ContextVar[str]] = ContextVar("hilum_correlation_id", default="")
"""Empty outside any request, association or import."""
