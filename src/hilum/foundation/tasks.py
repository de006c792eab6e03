"""What asyncio leaves to whoever ends tasks, or waits for those of others."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def is_being_cancelled() -> bool:
    """Whether the running task itself is to end, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextmanager
def cancellation_kept() -> Iterator[None]:
    """Raise a cancellation that arrived inside and was lost there.

    `asyncio.wait_for` of Python 3.11 loses one that comes at the same moment as what it waits for,
    and libraries use it for every command: whoever cancelled would wait for ever.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()

    def was_lost() -> bool:
        return task is not None and task.cancelling() > before

    try:
        yield
    except Exception:
        if was_lost():
            raise asyncio.CancelledError from None
        raise
    if was_lost():
        raise asyncio.CancelledError


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks and wait until they have ended, however they do.

    When the caller is cancelled meanwhile, it is: nothing swallows that.
    """
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def note_error(done: "asyncio.Future[Any]") -> None:
    """Take note of an error, so that asyncio does not complain when nobody else does."""
    if not done.cancelled():
        done.exception()
