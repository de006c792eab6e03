"""Events to RabbitMQ: persistent messages to a durable topic exchange, each confirmed.

The routing key is the type of the event. Publishing is mandatory: a message that no queue is bound
for would be thrown away by the broker, which is no delivery. What is done then is `unroutable`:
`wait` (the sink counts as unavailable until somebody binds a queue), `reject` or `drop`.

AMQP has no idempotence: of messages whose confirm was lost with the connection nobody knows, so
they are sent again, under the same message id. Up to `unconfirmed` messages are under way at once;
a queue that refuses some of them (`overflow=reject-publish`) may so take a later one of the same
study first. 1 keeps the order even there, one round trip to the disk of the broker for each event.

The user needs `write` on the exchange, and `configure` on it unless it exists (`declare = false`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError, PublishError

from hilum.adapters.sinks.headers import CONTENT_TYPE, headers_of, too_large
from hilum.adapters.sinks.outcomes import Outcomes
from hilum.adapters.sinks.tls import TlsFiles
from hilum.clients.rabbitmq import connection_errors
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected

_CLOSE_SECONDS: Final = 5.0
_LARGER: Final = "message size"
"""In the text with which the broker closes a channel over a message beyond `max_message_size`."""
_FAULTS: Final = (AMQPError, ChannelInvalidStateError, ConnectionError, OSError, RuntimeError)
"""RuntimeError is what aiormq raises for a connection that is closing."""


@dataclass(frozen=True, slots=True)
class RabbitOptions:
    """Plain values; defaults as in the settings."""

    host: str
    port: int = 5672
    virtual_host: str = "/"
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    tls: TlsFiles | None = None
    exchange: str = "hilum.events"
    declare: bool = True
    unroutable: Literal["wait", "reject", "drop"] = "wait"
    unconfirmed: int = 256
    message_bytes: int = 16 << 20
    connect_seconds: float = 5.0
    acknowledge_seconds: float = 10.0


class RabbitSink:
    """`EventSink`."""

    def __init__(self, name: str, options: RabbitOptions) -> None:
        self._where = f"RabbitMQ sink {name!r}"
        self._options = options
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None
        self._outcomes = Outcomes()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        async with self._turn:
            await self._connected()

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        async with self._turn:
            window = self._options.unconfirmed
            while waiting := self._outcomes.missing(events):
                if not await self._publish_all(waiting[:window]):
                    # The broker takes one of them for too large and does not say which.
                    window = 1
            return self._outcomes.taken(events)

    async def close(self) -> None:
        async with self._turn:
            await self._disconnect()

    async def _publish_all(self, events: Sequence[Event]) -> bool:
        exchange = await self._connected()
        # Tasks begin in this order, and write in the order in which they begin.
        tasks = [asyncio.create_task(self._publish(exchange, each)) for each in events]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            await self._disconnect()
            raise
        finally:
            for task in tasks:
                task.cancel()
        failure: BaseException | None = None
        for event, task in zip(events, tasks, strict=True):
            error = task.exception()
            if error is None:
                self._outcomes.note(event, task.result())
            else:
                failure = failure or error
        if failure is None:
            return True
        if isinstance(failure, SinkUnavailable):
            raise failure
        await self._disconnect()
        if isinstance(failure, AMQPError) and _LARGER in str(failure):
            if len(events) == 1:
                mend = "Raise `max_message_size` of the broker."
                self._outcomes.note(events[0], too_large(events[0], self._where, mend))
            return False
        raise self._unavailable("did not take an event", failure) from None

    async def _publish(self, exchange: AbstractExchange, event: Event) -> Rejected | None:
        if len(event.body) > self._options.message_bytes:
            mend = "Raise `message_bytes` of the sink and `max_message_size` of the broker."
            return too_large(event, self._where, mend)
        message = aio_pika.Message(
            event.body,
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=event.event_id,
            correlation_id=event.correlation_id,
            type=event.type,
            timestamp=event.time,
            headers=dict(headers_of(event)),
            app_id="hilum",
        )
        try:
            with connection_errors():
                async with asyncio.timeout(self._options.acknowledge_seconds):
                    await exchange.publish(
                        message, event.type, mandatory=self._options.unroutable != "drop"
                    )
        except PublishError:
            return self._unroutable(event)
        except DeliveryError:
            message_text = f"{self._where}: a queue refused an event; it may be full."
            raise SinkUnavailable(message_text) from None
        return None

    def _unroutable(self, event: Event) -> Rejected:
        text = (
            f"{self._where}: no queue is bound to the exchange {self._options.exchange!r} for the "
            f"routing key {event.type!r}. Bind one"
        )
        if self._options.unroutable == "wait":
            message = f'{text}, or set `unroutable` to "drop" or "reject".'
            raise SinkUnavailable(message)
        return Rejected(event.event_id, "unroutable", f"{text} and replay the event.")

    async def _connected(self) -> AbstractExchange:
        if self._exchange is not None and self._connection and not self._connection.is_closed:
            return self._exchange
        await self._disconnect()
        options = self._options
        try:
            with connection_errors():
                async with asyncio.timeout(options.connect_seconds):
                    self._connection = await aio_pika.connect(
                        host=options.host,
                        port=options.port,
                        login=options.user,
                        password=options.password,
                        virtualhost=options.virtual_host,
                        ssl=options.tls is not None,
                        ssl_context=options.tls.context() if options.tls else None,
                        client_properties={"connection_name": f"hilum {self._where}"},
                    )
                    channel = await self._connection.channel(on_return_raises=True)
                    self._exchange = await channel.declare_exchange(
                        options.exchange,
                        aio_pika.ExchangeType.TOPIC,
                        durable=True,
                        passive=not options.declare,
                    )
        except _FAULTS as error:
            await self._disconnect()
            raise self._unavailable("cannot be used", error) from None
        except BaseException:
            await self._disconnect()
            raise
        return self._exchange

    async def _disconnect(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            with suppress(*_FAULTS), connection_errors():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()

    def _unavailable(self, what: str, error: BaseException) -> SinkUnavailable:
        # The name of the error only: texts of the library may hold what it was configured with.
        place = f"{self._options.host}:{self._options.port}"
        return SinkUnavailable(
            f"{self._where}: the broker at {place} {what} ({type(error).__name__})."
        )
