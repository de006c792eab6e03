"""Event reports over WebSocket (PS3.18 sections 8.10 and 11.13).

A connection reads what its subscriber has not had yet and forgets it once it is written: a client
that comes back gets the rest. Of several connections for one AE title, wherever they are, the
newest gets everything; the others are closed.
"""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from hilum.domain.errors import ArchiveFault, TooManyReaders
from hilum.domain.workitems import Subscriber
from hilum.foundation.bell import Bell
from hilum.foundation.tasks import end
from hilum.ports.worklist import WorkitemEvents
from hilum.wire.event_stream import rest
from hilum.wire.request_facts import place_of
from hilum.wire.workitem_answers import event_message
from hilum.worklist.subscribing import subscriber

log = structlog.get_logger()

_PAGE: Final = 100
GOING_AWAY: Final = 1001
FAULT: Final = 1011
REPLACED: Final = 4000
"""Another connection for the same AE title was opened."""


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """Plain values; defaults as in the settings of the section `worklist`."""

    clients: int = 100
    poll_seconds: float = 2.0


class WorkitemSockets:
    """All subscribers that are connected to this process."""

    def __init__(self, events: WorkitemEvents, news: Bell, options: SocketOptions) -> None:
        self._events = events
        self._news = news
        self._options = options
        self._closing = asyncio.Event()
        self.open = 0
        """How many are connected."""

    def close(self) -> None:
        """End all connections, so that a shutdown need not wait for them."""
        self._closing.set()

    async def serve(self, socket: WebSocket, ae_title: str) -> None:
        """Tell a subscriber, for as long as it listens.

        Raises, before the connection is accepted, `InvalidAETitle` and `TooManyReaders`.
        """
        who = subscriber(place_of(socket.scope).partition, ae_title)
        with self._counted():
            receiver = uuid.uuid4().hex
            await self._events.take_over(who, receiver)
            self._news.ring()  # an older connection of this process looks, and goes
            try:
                await self._serve(socket, who, receiver)
            finally:
                with suppress(ArchiveFault):  # the row stays until the next of this AE title
                    await self._events.give_up(who, receiver)

    async def _serve(self, socket: WebSocket, who: Subscriber, receiver: str) -> None:
        await socket.accept()
        gone = asyncio.create_task(_disconnected(socket))
        try:
            code = await self._tell(socket, who, receiver, gone)
        except ArchiveFault as error:
            log.warning("workitem_socket_failed", code=error.code)
            code = FAULT
        finally:
            await end(gone)
        if code is not None:
            with suppress(RuntimeError, WebSocketDisconnect):  # it has gone meanwhile
                await socket.close(code)

    async def _tell(
        self, socket: WebSocket, who: Subscriber, receiver: str, gone: "asyncio.Task[None]"
    ) -> int | None:
        """Why it ended, as a code to close with; None when the client went."""
        message_id = 0
        while not gone.done():
            if self._closing.is_set():
                return GOING_AWAY
            rung = self._news.rung
            pending = await self._events.pending(who, receiver, _PAGE)
            if pending is None:
                return REPLACED
            sent: list[int] = []
            try:
                for event in pending:
                    message_id += 1
                    await socket.send_text(event_message(event, message_id))
                    sent.append(event.key)
            except WebSocketDisconnect:
                return None
            finally:
                await self._events.done(sent)
            if not pending:
                news = self._news.wait(rung, self._options.poll_seconds)
                await rest(news, self._closing, gone)
        return None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        if self.open >= self._options.clients:
            limit, allowed = "worklist.clients", self._options.clients
            raise TooManyReaders(limit, allowed, "As many subscribers are connected as are allowed")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


async def _disconnected(socket: WebSocket) -> None:
    """Until the client goes; it has nothing to say that anybody waits for."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
