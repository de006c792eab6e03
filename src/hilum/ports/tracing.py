"""Traces: what happened to one piece of work, span by span. No method gets patient data."""

from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol


class SpanKind(StrEnum):
    """Whose work a span is."""

    SERVER = "server"
    """We answer somebody."""
    INTERNAL = "internal"
    PRODUCER = "producer"
    """We tell somebody who may work on with it later."""


class Span(Protocol):
    """One piece of work. Must be ended."""

    @property
    def traceparent(self) -> str:
        """The W3C header that makes somebody else's work a part of this."""
        ...

    def rename(self, name: str) -> None: ...

    def note(self, name: str, value: str | int) -> None:
        """Add an attribute."""
        ...

    def failed(self, kind: str) -> None:
        """Mark it as failed; `kind` is a code or the name of an error, never its text."""
        ...

    def end(self) -> None: ...


class Tracing(Protocol):
    """Makes spans; used from the event loop and from threads, quick, and never raises."""

    def begin(
        self, name: str, kind: SpanKind, *, correlation_id: str, parent: str | None = None
    ) -> Span:
        """Begin a span: below `parent` (a `traceparent`), else below the work at hand.

        Without either it is a root, and its trace id is made of `correlation_id`, so that the works
        of one correlation id, today and tomorrow, here and in other processes, are one trace.
        """
        ...

    def within(self, span: Span) -> AbstractContextManager[None]:
        """Make `span` the work at hand, for tasks and threads that begin inside too; end it."""
        ...

    def ended(self, name: str, seconds: float) -> None:
        """Add a part of the work at hand that ended just now; nothing when there is none."""
        ...
