"""uvicorn's HTTP/1.1 connection with the bounds it lacks.

uvicorn's httptools protocol neither limits the size of request headers nor the time in which they
arrive, nor the connections of one client, nor does it ever give up a client that takes no bytes:
each lets one peer hold memory and connections for ever, or shut out the others. The limits are
refused with 431, 408 and 503, or by closing the connection.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hilum.ports.http_telemetry import HttpMeter, NoHttpMeter
from hilum.servers.http_room import (
    FULL_TEXT,
    RETRY_SECONDS,
    ConnectionRoom,
    Crowding,
    answer_full,
)
from hilum.servers.http_upgraded import UpgradedConnection
from hilum.servers.http_writes import JoinedWrites

_TOO_LARGE: Final = "The request headers are larger than the setting http.header_bytes allows."
_TOO_MANY: Final = "This address has more connections than http.connections_per_address allows."
_ALWAYS_ANSWERED: Final = frozenset({"/health", "/ready"})
_CROWDED_SECONDS: Final = 2.0
_TOO_SLOW: Final = "The request headers were not complete within http.header_seconds."


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Plain values; defaults as in the settings."""

    header_bytes: int = 65_536
    header_seconds: float = 15.0
    send_idle_seconds: float = 120.0
    connections_per_address: int = 256
    """From one address that is neither loopback nor of `proxies`."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Addresses that speak for many clients."""

    def bounds(self, address: str) -> bool:
        """True when connections from `address` are counted."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        return not parsed.is_loopback and not any(parsed in each for each in self.proxies)


class _HeadersTooLarge(Exception):
    """Stops the parser; it never leaves this module."""


def bounded_protocol(
    limits: ConnectionLimits, room: ConnectionRoom, meter: HttpMeter
) -> type[HttpToolsProtocol]:
    """The class of connections that keep to `limits` and `room` (uvicorn asks for a class)."""
    own = {
        "limits": limits,
        "meter": meter,
        "crowding": Crowding(room, meter),
        "counted": Counter[str](),
    }
    return type("LimitedConnection", (BoundedConnection,), own)


class BoundedConnection(HttpToolsProtocol):
    """One connection of a client."""

    limits: ConnectionLimits = ConnectionLimits()
    meter: HttpMeter = NoHttpMeter()
    crowding: Crowding
    counted: Counter[str]
    """Open connections by address, shared by all connections of one server."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._in_headers = False
        self._raw_bytes = 0
        self._parsed_bytes = 0
        self._header_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unsent_bytes = 0
        self._counted_as: str | None = None
        self._upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._is_one_too_many():
            self.meter.limited("http.connections_per_address")
            self._close_with(b"503 Service Unavailable", _TOO_MANY)
        elif self.crowding.room.open is not None and self._open() > self.crowding.room.open:
            self.crowding.refused()
            self._close_with(b"503 Service Unavailable", FULL_TEXT)
        else:
            self._start_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_header_timer()
        self._stop_send_timer()
        self._uncount()
        super().connection_lost(exc)
        self.crowding.left(self._open())

    def data_received(self, data: bytes) -> None:
        was_in_headers, is_first = self._in_headers, self.cycle is None
        super().data_received(data)
        if self.transport.is_closing() or self._upgraded:
            return
        # Of a later request that begins within `data` the start is not known; its next bytes count.
        if was_in_headers or is_first:
            self._raw_bytes += len(data)
        if self._in_headers and self._raw_bytes > self.limits.header_bytes:
            self._refuse_headers()
        elif self._in_headers or not self._answering():
            self._start_header_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._raw_bytes = 0
        self._parsed_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._stop_header_timer()
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if app is not self.app:
            if cycle.scope["path"] in _ALWAYS_ANSWERED:
                app = self.app  # who watches the server must not take a flood for its death
            else:
                app = answer_full  # type: ignore[assignment]
                self.crowding.refused()
        cycle.transport = JoinedWrites(cycle.transport, self.loop)  # type: ignore[assignment]
        super()._start_asgi_task(cycle, app)

    def handle_websocket_upgrade(self) -> None:
        self._stop_header_timer()
        self._upgraded = True
        super().handle_websocket_upgrade()
        taken_over = self.transport.get_protocol()
        if isinstance(taken_over, UpgradedConnection):
            taken_over.send_idle_seconds = self.limits.send_idle_seconds
            taken_over.lost = self._upgraded_lost

    def _upgraded_lost(self) -> None:
        self._uncount()
        self.crowding.left(self._open())

    def send_400_response(self, msg: str) -> None:
        if self._parsed_bytes > self.limits.header_bytes:
            self._refuse_headers()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._stop_send_timer()
        self._send_timer = self.loop.call_later(
            self.limits.send_idle_seconds, self._send_timer_fired
        )

    def resume_writing(self) -> None:
        self._stop_send_timer()
        super().resume_writing()

    def _open(self) -> int:
        """Connections of this server that are open."""
        return len(self.server_state.connections)

    def _answering(self) -> bool:
        """True while a request is being answered; before the first there is no cycle."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _is_one_too_many(self) -> bool:
        """Count this connection; True when its address has too many of them."""
        if self.client is None or not self.limits.bounds(self.client[0]):
            return False
        self._counted_as = self.client[0]
        self.counted[self._counted_as] += 1
        return self.counted[self._counted_as] > self.limits.connections_per_address

    def _uncount(self) -> None:
        address, self._counted_as = self._counted_as, None
        if address is None:
            return
        self.counted[address] -= 1
        if not self.counted[address]:
            del self.counted[address]

    def _count(self, parsed: int) -> None:
        self._parsed_bytes += parsed
        if self._parsed_bytes > self.limits.header_bytes:
            raise _HeadersTooLarge

    def _refuse_headers(self) -> None:
        self.meter.limited("http.header_bytes")
        self._close_with(b"431 Request Header Fields Too Large", _TOO_LARGE)

    def _close_with(self, status: bytes, text: str) -> None:
        """Answer in plain text and close; there is no request yet that an application could."""
        self._stop_header_timer()
        if self.transport.is_closing():
            return
        body = text.encode("ascii")
        head = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: text/plain\r\n" % status
        if status.startswith(b"503"):
            head += b"retry-after: %d\r\n" % RETRY_SECONDS
        self.transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        self.transport.close()

    def _start_header_timer(self) -> None:
        if self._header_timer is None:
            seconds = self.limits.header_seconds
            if self._open() > self.crowding.room.served:  # whoever only waits holds up others
                seconds = min(seconds, _CROWDED_SECONDS)
            self._header_timer = self.loop.call_later(seconds, self._header_timer_fired)

    def _header_timer_fired(self) -> None:
        self._header_timer = None
        if self._in_headers:
            self.meter.limited("http.header_seconds")
            self._close_with(b"408 Request Timeout", _TOO_SLOW)
        else:
            self.transport.close()

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _send_timer_fired(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent_bytes:
            self._unsent_bytes = unsent
            self._send_timer = self.loop.call_later(
                self.limits.send_idle_seconds, self._send_timer_fired
            )
            return
        self._send_timer = None
        self.meter.limited("http.send_idle_seconds")
        self.transport.abort()

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None
