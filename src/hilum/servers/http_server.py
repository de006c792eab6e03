"""The HTTP server: uvicorn on our own event loop and our own socket."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
import uvicorn
from starlette.types import ASGIApp

from hilum.ports.http_telemetry import HttpMeter, NoHttpMeter
from hilum.servers.http_dispatch import ResponseBrokenOff
from hilum.servers.http_protocol import ConnectionLimits, bounded_protocol
from hilum.servers.http_room import ConnectionRoom
from hilum.servers.http_upgraded import MESSAGE_BYTES, UpgradedConnection

log = structlog.get_logger()

_GOODBYE_TURNS = 3


class CannotListen(Exception):
    """The address cannot be opened; the text says which and how to mend it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for HTTPS."""

    certificate: Path
    key: Path | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpServerOptions:
    """Plain values; defaults as in the settings."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes any free port."""
    backlog: int = 1024
    room: ConnectionRoom = field(default_factory=ConnectionRoom)
    keep_alive_seconds: float = 30.0
    shutdown_seconds: float = 30.0
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    tls: TlsFiles | None = None
    ping_seconds: float = 20.0
    """How often a WebSocket is asked whether its client is there, and for how long."""


class HttpServer:
    """Serves an application while its context is open.

    Entering returns when connections are answered; leaving stops accepting, lets requests that
    were accepted finish within `shutdown_seconds`, and then ends them.
    """

    def __init__(
        self, app: ASGIApp, options: HttpServerOptions, meter: HttpMeter | None = None
    ) -> None:
        self._options = options
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None
        self._server = _Uvicorn(_config(app, options, meter or NoHttpMeter()))
        self._port = options.port

    @property
    def port(self) -> int:
        """The port that is really bound."""
        return self._port

    @property
    def url(self) -> str:
        """Where to find the server from this machine."""
        host = self._options.host
        if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
            host = "127.0.0.1"
        shown = f"[{host}]" if ":" in host else host
        scheme = "http" if self._options.tls is None else "https"
        return f"{scheme}://{shown}:{self._port}"

    async def __aenter__(self) -> Self:
        self._socket = _open_socket(self._options)
        self._port = self._socket.getsockname()[1]
        self._serving = asyncio.create_task(self._server.serve([self._socket]))
        started = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait({self._serving, started}, return_when=asyncio.FIRST_COMPLETED)
        if self._serving.done():
            started.cancel()
            self._socket.close()
            await self._serving
            message = f"The HTTP server on port {self._port} ended while it was starting."
            raise CannotListen(message)
        log.info("http_listening", host=self._options.host, port=self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop serving; a second call does nothing."""
        if self._serving is None:
            return
        self._server.leave()
        serving, self._serving = self._serving, None
        await serving
        await self._server.tasks_ended()
        log.info("http_closed", port=self._port)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: signals are the command line's business."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Begin the graceful end, at once and not at the next look around."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Look around once a second (uvicorn: ten times), which also renews the Date header."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._leaving.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def tasks_ended(self) -> None:
        """Wait for requests that were cancelled when the time for a graceful end was over."""
        if tasks := list(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=5.0)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # Transports say goodbye in the turns of the loop that follow.
        for _ in range(_GOODBYE_TURNS):
            await asyncio.sleep(0)


def _is_news(record: logging.LogRecord) -> bool:
    """False for a broken-off answer, which was told where it happened."""
    return not (record.exc_info and isinstance(record.exc_info[1], ResponseBrokenOff))


def _config(app: ASGIApp, options: HttpServerOptions, meter: HttpMeter) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    config = uvicorn.Config(
        app,
        factory=False,
        http=bounded_protocol(options.limits, options.room, meter),
        ws=UpgradedConnection,
        ws_max_size=MESSAGE_BYTES,
        ws_ping_interval=options.ping_seconds,
        ws_ping_timeout=options.ping_seconds,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=options.backlog,
        limit_concurrency=options.room.served + 1,  # uvicorn refuses the one that reaches it
        timeout_keep_alive=options.keep_alive_seconds,  # type: ignore[arg-type]
        timeout_graceful_shutdown=options.shutdown_seconds,  # type: ignore[arg-type]
    )
    if options.tls is not None:
        config.load()
        config.ssl = _tls_context(options.tls)
    return config


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the server's own order of ciphers left to OpenSSL's defaults."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key, files.password)
    except (OSError, ssl.SSLError) as error:
        message = (
            f"The TLS certificate {files.certificate} cannot be used"
            f" ({error.strerror or type(error).__name__}): check http.tls_certificate_file,"
            " http.tls_key_file and http.tls_key_password."
        )
        raise CannotListen(message) from error
    return context


def _open_socket(options: HttpServerOptions) -> socket.socket:
    """A bound socket. Raises `CannotListen`."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it reads
    # IPPROTO_TCP; with it on, small answers wait 40 ms for the client's delayed acknowledgement.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((options.host, options.port))
    except OSError as error:
        opened.close()
        where = f"{options.host}:{options.port}"
        if error.errno == errno.EADDRINUSE:
            mend = "another program uses it; choose another port with --port"
        elif error.errno in {errno.EACCES, errno.EPERM}:
            mend = "ports below 1024 need privileges; choose another port with --port"
        else:
            mend = f"{error.strerror}; check --host"
        message = f"Cannot serve HTTP on {where}: {mend}."
        raise CannotListen(message) from error
    opened.setblocking(False)
    return opened
