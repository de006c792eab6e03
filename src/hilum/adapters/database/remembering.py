"""Answers about single instances, kept while nothing in the database has changed.

To ask a thread and hear from it costs the event loop more than SQLite's answer itself. So answers
are kept together with the state of the database they are of, and every use asks for the state
again: what another connection committed, in this process or another, is never overlooked. An answer
that is served is one that the database would still give.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from hilum.foundation.recent import Recent

T = TypeVar("T")


class Watch(Protocol):
    """Tells whether a database has changed, without waiting."""

    def open(self) -> None:
        """Connect; may wait."""
        ...

    def state(self) -> int | None:
        """A number that is another one after every commit of anybody; None: it cannot be told."""
        ...

    def close(self) -> None: ...


class Remembered:
    """Answers by question; the longest unused go first. For one event loop.

    `watch`: None where the database cannot tell cheaply; then nothing is kept.
    """

    def __init__(self, watch: Watch | None, memory_bytes: int) -> None:
        self._watch = watch if memory_bytes else None
        self._state: int | None = None
        self._held: Recent[object, tuple[Any]] = Recent(memory_bytes)
        """Answers one to a tuple: None is one, too."""

    def open(self) -> None:
        """Connect; may wait."""
        if self._watch is not None:
            self._watch.open()

    def close(self) -> None:
        """Forget everything."""
        if self._watch is not None:
            self._watch.close()
        self._forget(None)

    async def ask(
        self, question: object, answer: Callable[[], Awaitable[T]], size_bytes: Callable[[T], int]
    ) -> T:
        """Return what is known, or what `answer` finds. Raises what it raises."""
        state = None if self._watch is None else self._watch.state()
        if state is None:
            self._forget(None)
            return await answer()
        if state != self._state:
            self._forget(state)
        known = self._held.get(question)
        if known is not None:
            found: T = known[0]
            return found
        found = await answer()
        # It was read after `state` was: if it is newer, the state is another one at the next use.
        if state == self._state:
            self._held.keep(question, (found,), size_bytes(found))
        return found

    def _forget(self, state: int | None) -> None:
        self._state = state
        self._held.clear()
