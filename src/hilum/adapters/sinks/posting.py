"""HTTP/1.1 connections that post one event after another, to an address that was looked at.

No redirects, no proxies, no cookies, no decompression: the answer is a status and a `Retry-After`.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httptools

from hilum.adapters.sinks.addresses import Address

_READ_BYTES: Final = 16 << 10
_HEADER_BYTES: Final = 64 << 10
_BODY_BYTES: Final = 64 << 10
"""Of an answer. What is longer is not read: the connection is closed instead."""
_CLOSE_SECONDS: Final = 1.0


class NoAnswer(Exception):
    """The connection broke or spoke no HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: str | None
    reusable: bool
    """The connection may carry another request."""
    allowed_origin: str | None = None
    """What the answer says in `WebHook-Allowed-Origin`."""
    body: bytes = b""
    """Up to 64 KiB of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post."""

    host: str
    port: int
    path: str = field(repr=False)
    """With the query, if any: it may hold a secret."""
    tls: ssl.SSLContext | None = None

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"


class Connection:
    """One connection, used by one task at a time."""

    __slots__ = ("_reader", "_target", "_writer")

    def __init__(
        self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._target = target
        self._reader = reader
        self._writer = writer

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send an event and read the answer. Raises `NoAnswer`."""
        return await self.request("POST", headers, body)

    async def request(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and read its answer. Raises `NoAnswer`."""
        head = [f"{method} {self._target.path} HTTP/1.1", f"host: {self._target.host_header}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head += [f"content-length: {len(body)}", "", ""]
        reading = _Reading()
        try:
            self._writer.write("\r\n".join(head).encode("latin-1") + body)
            await self._writer.drain()
            while not reading.enough:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    if reading.status:
                        break
                    message = "it closed the connection without an answer"
                    raise NoAnswer(message)
                reading.feed(data)
        except OSError as error:
            if not reading.status:
                raise NoAnswer(type(error).__name__) from None
        except httptools.HttpParserError:
            if not reading.complete:
                message = "what it answers is no HTTP"
                raise NoAnswer(message) from None
            reading.keep_alive = False  # something follows that nobody asked for
        return Answer(
            reading.status,
            reading.retry_after,
            reading.complete and reading.keep_alive,
            reading.allowed_origin,
            b"".join(reading.body),
        )

    def is_open(self) -> bool:
        return not (self._writer.is_closing() or self._reader.at_eof())

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()


class _Reading:
    """What is known of an answer so far; the callbacks are those of httptools."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._seen = 0
        self._length = 0
        self.body: list[bytes] = []
        self.allowed_origin: str | None = None
        self.status = 0
        self.retry_after: str | None = None
        self.complete = False
        self.keep_alive = False

    @property
    def enough(self) -> bool:
        return self.complete or (self.status > 0 and self._length > _BODY_BYTES)

    def feed(self, data: bytes) -> None:
        self._seen += len(data)
        self._parser.feed_data(data)
        if not self.status and self._seen > _HEADER_BYTES:
            message = "its headers have no end"
            raise NoAnswer(message)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")
        elif name.lower() == b"webhook-allowed-origin":
            self.allowed_origin = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            self.keep_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        if self._length <= _BODY_BYTES:
            self.body.append(body)

    def on_message_complete(self) -> None:
        # Interim answers (100 to 199) end here too, and the real one follows.
        self.complete = self.status > 0


async def connect(target: Target, addresses: Sequence[Address]) -> Connection:
    """Connect to the first address that answers; TLS proves the name. Raises `OSError`."""
    failure: OSError | None = None
    for address in addresses:
        try:
            reader, writer = await asyncio.open_connection(
                str(address),
                target.port,
                ssl=target.tls,
                server_hostname=target.host if target.tls else None,
            )
        except OSError as error:
            failure = error
        else:
            return Connection(target, reader, writer)
    raise failure or OSError("no address")
