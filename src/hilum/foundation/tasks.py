"""What asyncio leaves to whoever ends tasks, or waits for those of others."""

import asyncio
from typing import Any


def is_being_cancelled() -> bool:
    """Whether the running task itself is to end, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
