"""Not working on for a client that has gone before its answer began."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from hilum.servers.http_edge import BodyStalled

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
"""Nothing is kept of what they began, and nobody reads their bodies."""
_GRACE_SECONDS: Final = 0.5
"""Most answers begin before: for those no look-out is worth its time."""


async def attended(receive: Receive, answer: Awaitable[Response]) -> Response:
    """Await what makes the answer to a safe request; end it when the client goes.

    Raises what `answer` raises, and `ClientDisconnect`.
    """
    lookout = _Lookout(receive)
    timer = asyncio.get_running_loop().call_later(_GRACE_SECONDS, lookout.begin)
    try:
        response = await answer
    except asyncio.CancelledError:
        lookout.demand_presence()
        raise
    finally:
        timer.cancel()
        lookout.end()
    lookout.demand_presence()
    return response


class _Lookout:
    """Cancels the task it was made in when the client goes."""

    __slots__ = ("_gone", "_receive", "_task", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._gone = False

    def begin(self) -> None:
        self._watching = asyncio.create_task(self._watch(), name="hilum-lookout")

    def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def demand_presence(self) -> None:
        """Raise `ClientDisconnect`, and count the cancellation as heard, if it was for that."""
        if self._gone and self._task is not None:
            self._task.uncancel()
            raise ClientDisconnect

    async def _watch(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except BodyStalled:
            return  # a body that nobody asked for
        if self._task is not None:
            self._gone = True
            self._task.cancel()
