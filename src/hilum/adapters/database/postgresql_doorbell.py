"""Bells that ring in every process on one PostgreSQL database: LISTEN and NOTIFY.

One connection and one thread for a process. A ring is passed on after its commit, and several at
once as one; nothing waits for it, and a ring may be lost with a connection: whoever waits for a
bell looks now and then anyway. After each reconnection all bells ring, for what was missed.
"""

import asyncio
import select
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psycopg
import structlog

from hilum.adapters.database.postgresql import PostgresqlDialect
from hilum.adapters.database.postgresql_connections import Raw, connect
from hilum.domain.errors import ArchiveUnavailable
from hilum.foundation.bell import Bell

_log = structlog.get_logger()

_LISTENING: Final = (
    "SET idle_session_timeout = 0; SET synchronous_commit = off; "
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
    'LISTEN "{channel}"'
)
_NOTIFY: Final = b"SELECT pg_notify($1, $2)"
_GATHER_SECONDS: Final = 0.02
"""Shortest time between two rings that are passed on."""
_AGAIN_SECONDS: Final = 1.0
_END_SECONDS: Final = 2.0
_FOR_LONG: Final = 3600.0


class Doorbell:
    """Passes on what rings here to the other processes, and rings here what rings there.

    `bells` have the same names in every process. Use with `async with`; entering waits for nothing.
    """

    def __init__(self, url: str, bells: Mapping[str, Bell]) -> None:
        dialect = PostgresqlDialect.of(url)
        self._conninfo = dialect.conninfo
        self._channel = f"hilum_{dialect.schema}"
        self._bells = bells
        self._heard = dict.fromkeys(bells, 0)
        self._to_tell: set[str] = set()
        self._ending = threading.Event()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="index-doorbell", daemon=True)
        self._watching: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.listening = False
        """Whether the connection stands."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._watching = [
            asyncio.create_task(self._watch(name), name="hilum-doorbell") for name in self._bells
        ]
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        self._ending.set()
        self._wake()
        await asyncio.to_thread(self._thread.join, _END_SECONDS)
        self._near.close()

    # In the event loop

    async def _watch(self, name: str) -> None:
        """Pass on each ring that did not come from another process."""
        bell = self._bells[name]
        told = bell.rung - self._heard[name]
        while True:
            await bell.wait(bell.rung, _FOR_LONG)
            own = bell.rung - self._heard[name]
            if own != told:
                told = own
                self._to_tell.add(name)
                self._wake()

    def _hear(self, name: str) -> None:
        if name in self._bells:
            self._heard[name] += 1
            self._bells[name].ring()

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):  # full: it is awake
            self._near.send(b"!")

    # In the thread

    def _run(self) -> None:
        with self._far:
            while not self._ending.is_set():
                try:
                    self._connected()
                except (psycopg.Error, ArchiveUnavailable) as error:
                    if self.listening:
                        _log.warning("doorbell_lost", error=type(error).__name__)
                    self.listening = False
                    self._ending.wait(_AGAIN_SECONDS)

    def _connected(self) -> None:
        raw = connect(self._conninfo, _LISTENING.format(channel=self._channel))
        try:
            raw.add_notify_handler(lambda notify: self._noticed(raw, notify.pid, notify.payload))
            self.listening = True
            for name in self._bells:
                self._ring(name)
            self._follow(raw)
        finally:
            raw.close()

    def _follow(self, raw: Raw) -> None:
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        poll.register(self._far.fileno(), select.POLLIN)
        while not self._ending.is_set():
            poll.poll()
            with suppress(BlockingIOError):
                self._far.recv(4096)
            raw.pgconn.consume_input()
            while (notify := raw.pgconn.notifies()) is not None:
                self._noticed(raw, notify.be_pid, notify.extra.decode())
            if self._to_tell:
                time.sleep(_GATHER_SECONDS)
                self._tell(raw)

    def _tell(self, raw: Raw) -> None:
        while self._to_tell:
            raw.execute(_NOTIFY, (self._channel, self._to_tell.pop()))

    def _noticed(self, raw: Raw, process: int, name: str) -> None:
        if process != raw.info.backend_pid:
            self._ring(name)

    def _ring(self, name: str) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._hear, name)
