"""Connections to RabbitMQ: made when needed, made again when lost, and one kind of error."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import aiormq
from aiormq.abc import AbstractChannel, AbstractConnection
from aiormq.exceptions import AMQPError, ChannelPreconditionFailed
from yarl import URL

from hilum.adapters.bus.options import BusOptions, demand_servers, unavailable
from hilum.clients.rabbitmq import connection_errors
from hilum.domain.errors import BusBacklogFull, BusUnavailable

_CLOSE_SECONDS: Final = 2.0
Arguments = Mapping[str, str | int | bool]

# They tell of every lost connection with a traceback; we tell of it once, in our own words.
for _chatty in ("aiormq", "aio_pika"):
    logging.getLogger(_chatty).setLevel(logging.CRITICAL)


class RabbitLink:
    """One connection, as long as it lasts."""

    def __init__(self, url: str, options: BusOptions, purpose: str) -> None:
        demand_servers(url)
        self.url = url
        self.seconds = options.request_seconds
        heartbeat = max(1, int(options.lease_seconds / 2))
        self._target = URL(url).update_query(heartbeat=heartbeat, name=f"{options.name} {purpose}")
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()

    @property
    def alive(self) -> AbstractConnection | None:
        """The connection, unless it is lost."""
        found = self._connection
        return found if found is not None and found.is_opened else None

    async def connection(self) -> AbstractConnection:
        async with self._turn:
            if self.alive is None:
                await self._discard()
                with self.telling():
                    async with asyncio.timeout(self.seconds):
                        self._connection = await aiormq.connect(self._target)
            assert self._connection is not None  # noqa: S101 - made above
            return self._connection

    async def channel(self) -> AbstractChannel:
        """A new channel with publisher confirms; what cannot be routed raises."""
        connection = await self.connection()
        with self.telling():
            async with asyncio.timeout(self.seconds):
                return await connection.channel(publisher_confirms=True, on_return_raises=True)

    async def declare(self, name: str, arguments: Arguments) -> bool:
        """Make a durable queue; False: there is one by that name, made with other arguments."""
        channel = await self.channel()
        try:
            with self.telling():
                try:
                    await channel.queue_declare(
                        name, durable=True, arguments=dict(arguments), timeout=self.seconds
                    )
                except ChannelPreconditionFailed:
                    return False
        finally:
            await self.close_channel(channel)
        return True

    async def close_channel(self, channel: AbstractChannel) -> None:
        if not channel.is_closed:
            with suppress(BusUnavailable), self.telling():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await channel.close()

    async def close(self) -> None:
        async with self._turn:
            await self._discard()

    async def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(BusUnavailable), self.telling():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Turn what the library raises into `BusUnavailable`."""
        try:
            with connection_errors():
                yield
        except (AMQPError, OSError, RuntimeError) as error:  # RuntimeError: used after closing
            raise unavailable(self.url, error) from None


def backlog_full(topic: str) -> BusBacklogFull:
    text = f"Topic {topic} takes no more until its groups have caught up"
    return BusBacklogFull(f"{text} (setting bus.backlog_messages).")
