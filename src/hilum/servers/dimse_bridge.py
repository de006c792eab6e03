"""The one way from the threads of associations to the event loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from hilum.domain.errors import ArchiveUnavailable, ShuttingDown

T = TypeVar("T")


class LoopBridge:
    """Runs coroutines of use cases for callers that are threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run `work` on the loop and wait for its result, at most `seconds`.

        Raises what `work` raises; `ArchiveUnavailable` when the time is over (`work` is cancelled
        then), `ShuttingDown` when the loop has ended. Never to be called on the loop's thread.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            message = "The server has stopped."
            raise ShuttingDown(message) from error
        try:
            return future.result(seconds)
        except TimeoutError as error:
            if future.cancel() or not future.done():
                message = f"The archive did not answer within {seconds:g} seconds."
                raise ArchiveUnavailable(message) from error
            raise
        except CancelledError as error:
            message = "The server is stopping."
            raise ShuttingDown(message) from error
