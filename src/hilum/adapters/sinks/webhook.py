"""Events to an HTTP hook: one POST each, as CloudEvents 1.0, signed.

The events of one key are posted one after another, those of different keys at the same time. 2xx is
taken as kept. 408, 425, 429, 5xx, redirects (which are never followed) and a broken connection make
the sink unavailable, for as long as `Retry-After` asks; any other 4xx is the receiver's word that
it will never take this event.

The address is only ever one of the settings; see `addresses` for those that are refused.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from hilum.adapters.sinks.addresses import AddressRule, resolved
from hilum.adapters.sinks.azure_events import AzureFormat, AzureNames, rendered_for_azure
from hilum.adapters.sinks.cloud_events import Mode, rendered
from hilum.adapters.sinks.handshake import allows_origin, returns_code
from hilum.adapters.sinks.outcomes import Outcomes
from hilum.adapters.sinks.posting import Answer, Connection, NoAnswer, Target, connect
from hilum.adapters.sinks.signing import signed_headers
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected

_AGAIN: Final = frozenset({408, 425, 429})
_PASSED_ON: Final = frozenset({"traceparent", "tracestate"})
"""Headers of an event that are HTTP headers by the same name."""


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Plain values; defaults as in the settings."""

    target: Target
    addresses: AddressRule = field(default_factory=AddressRule)
    mode: Mode = "binary"
    source: str = "hilum"
    azure: AzureFormat | None = None
    """Tell events as the Azure DICOM service does; None: as our own."""
    host: str = "localhost"
    """Name of this service in such events, and who asks in a handshake."""
    partitions: bool = False
    """Such events name data partitions."""
    handshake: bool = False
    """Ask the receiver whether it wants events before it gets any."""
    key: bytes = field(default=b"", repr=False)
    """Of the signature; empty: unsigned."""
    authorization: str = field(default="", repr=False)
    """Value of the header `Authorization`."""
    concurrency: int = 8
    connect_seconds: float = 5.0
    answer_seconds: float = 10.0
    longest_pause_seconds: float = 3600.0
    """A longer `Retry-After` counts as this."""


class WebhookSink:
    """`EventSink`."""

    def __init__(
        self, name: str, options: WebhookOptions, now: Callable[[], float] = time.time
    ) -> None:
        self._where = f"webhook sink {name!r}"
        self._options = options
        self._now = now
        self._idle: list[Connection] = []
        self._not_before = 0.0
        self._outcomes = Outcomes()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Look whether the address is allowed and answers."""
        async with self._turn:
            connection = await self._connected()
            if self._options.handshake:
                await self._shake_hands(connection)
                connection = await self._connected()  # whatever the receiver did with the other
            self._idle.append(connection)

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        async with self._turn:
            pause = self._not_before - time.monotonic()
            if pause > 0:
                message = f"{self._where}: {self._place} asked to be left alone for {pause:.0f} s."
                raise SinkUnavailable(message, pause)
            await self._post_all(self._outcomes.missing(events))
            return self._outcomes.taken(events)

    async def close(self) -> None:
        async with self._turn:
            while self._idle:
                await self._idle.pop().close()

    @property
    def _place(self) -> str:
        return self._options.target.host_header

    async def _post_all(self, events: Sequence[Event]) -> None:
        by_key: dict[str, deque[Event]] = {}
        for event in events:
            by_key.setdefault(event.key, deque()).append(event)
        lanes = deque(by_key.values())
        failures: list[SinkUnavailable] = []

        async def work() -> None:
            while lanes and not failures:
                lane = lanes.popleft()
                while lane and not failures:
                    event = lane.popleft()
                    try:
                        self._outcomes.note(event, await self._post(event))
                    except SinkUnavailable as error:
                        failures.append(error)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self._options.concurrency, len(lanes))):
                tasks.create_task(work())
        if failures:
            raise failures[0]

    async def _shake_hands(self, connection: Connection) -> None:
        """Raise `SinkUnavailable` unless the receiver says that it wants our events."""
        options, headers = self._options, {"user-agent": "hilum", "accept": "*/*"}
        if options.authorization:
            headers["authorization"] = options.authorization
        try:
            async with asyncio.timeout(options.answer_seconds):
                if options.azure == "eventgrid":
                    wanted = await returns_code(connection, headers, options.source)
                else:
                    wanted = await allows_origin(connection, headers, options.host)
        except (NoAnswer, TimeoutError):
            wanted = False
        finally:
            await connection.close()
        if not wanted:
            message = (
                f"{self._where}: {self._place} did not say in a handshake that it wants events."
                " Mend the receiver, or set `handshake = false`."
            )
            raise SinkUnavailable(message)

    def _rendered(self, event: Event) -> tuple[dict[str, str], bytes]:
        options = self._options
        if options.azure is None:
            return rendered(event, options.source, options.mode)
        names = AzureNames(options.source, options.host, options.partitions)
        return rendered_for_azure(event, options.azure, names)

    async def _post(self, event: Event) -> Rejected | None:
        headers, body = self._rendered(event)
        headers |= {name: value for name, value in event.headers.items() if name in _PASSED_ON}
        headers |= {"user-agent": "hilum", "accept": "*/*"}
        headers |= signed_headers(self._options.key, event.event_id, int(self._now()), body)
        if self._options.authorization:
            headers["authorization"] = self._options.authorization
        answer = await self._exchanged(headers, body)
        if 200 <= answer.status < 300:
            return None
        if 400 <= answer.status < 500 and answer.status not in _AGAIN:
            message = (
                f"{self._where}: {self._place} refused the event with status {answer.status}."
                " Mend the receiver and replay the event."
            )
            return Rejected(event.event_id, f"http-{answer.status}", message)
        raise self._put_off(answer)

    def _put_off(self, answer: Answer) -> SinkUnavailable:
        pause = self._pause(answer.retry_after)
        if pause is not None:
            self._not_before = time.monotonic() + pause
        what = f"{self._where}: {self._place} answered with status {answer.status}"
        if 300 <= answer.status < 400:
            what += ", a redirect, which is not followed: set the address that it leads to"
        return SinkUnavailable(f"{what}.", pause)

    def _pause(self, retry_after: str | None) -> float | None:
        """Seconds, from a number or a date (RFC 9110 section 10.2.3); None when it is neither."""
        if retry_after is None:
            return None
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            seconds = float(text[:12])
        else:
            try:
                date = parsedate_to_datetime(text)
            except ValueError:
                return None
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            seconds = (date - datetime.fromtimestamp(self._now(), UTC)).total_seconds()
        return min(max(seconds, 0.0), self._options.longest_pause_seconds)

    async def _exchanged(self, headers: dict[str, str], body: bytes) -> Answer:
        connection = await self._take()
        while True:
            fresh = connection is None
            connection = connection or await self._connected()
            try:
                async with asyncio.timeout(self._options.answer_seconds):
                    answer = await connection.post(headers, body)
            except NoAnswer as error:
                await connection.close()
                if fresh:
                    message = f"{self._where}: no answer from {self._place}: {error}."
                    raise SinkUnavailable(message) from None
                connection = None  # most likely it was closed while it was idle
                continue
            except TimeoutError:
                await connection.close()
                limit = self._options.answer_seconds
                message = f"{self._where}: {self._place} did not answer within {limit:g} s."
                raise SinkUnavailable(message) from None
            except BaseException:
                await connection.close()
                raise
            if answer.reusable:
                self._idle.append(connection)
            else:
                await connection.close()
            return answer

    async def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open():
                return connection
            await connection.close()
        return None

    async def _connected(self) -> Connection:
        target = self._options.target
        try:
            async with asyncio.timeout(self._options.connect_seconds):
                addresses = await resolved(
                    target.host, target.port, self._options.addresses, self._where
                )
                if target.tls is None and not all(map(self._options.addresses.names, addresses)):
                    message = f"{self._where}: http:// goes to `allowed_networks` only; use https."
                    raise SinkUnavailable(message)
                return await connect(target, addresses)
        except OSError as error:  # TimeoutError and ssl.SSLError too
            reason = error.strerror or type(error).__name__
            message = f"{self._where}: {self._place} cannot be reached ({reason})."
            raise SinkUnavailable(message) from None
