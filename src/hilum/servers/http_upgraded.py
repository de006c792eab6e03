"""uvicorn's WebSocket connection with the bounds it lacks, and without logging URLs."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

MESSAGE_BYTES: Final = 65_536
"""Longest message of a client, of which none has to be sent."""


def _nothing() -> None:
    """Nobody else counts this connection."""


class UpgradedConnection(WebSocketsSansIOProtocol):
    """Gives up a client that takes no bytes, and tells who counts connections when it ends."""

    send_idle_seconds: float = 120.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logging.getLogger("uvicorn.websocket")
        self.lost: Callable[[], None] = _nothing
        self._send_timer: asyncio.TimerHandle | None = None

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # Answered in place of the handshake, which uvicorn would complain of.
            self.handshake_complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_send_timer()
        super().connection_lost(exc)
        self.lost()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_send_timer()
        self._send_timer = self.loop.call_later(self.send_idle_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_send_timer()
        super().resume_writing()

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
