"""Events to Redis: to channels, for whoever listens just now, or to streams, which keep them.

A channel keeps nothing: who is not connected misses the event, and `send` returns all the same.
A stream is as durable as the server's append-only file; when that is off, a warning says so once.
The commands of one `send` are one transaction, so an outage leaves all of them or none, and those
of which nobody knows are sent again.

The user needs `+publish` on the channels, or `+xadd` on the streams, `+multi +exec +info +ping`
(and `+wait` with `replicas`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hilum.adapters.sinks.headers import headers_of, too_large
from hilum.adapters.sinks.tls import TlsFiles
from hilum.adapters.sinks.topics import Topics
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.foundation.tasks import cancellation_kept

log = structlog.get_logger()

_COMMANDS: Final = 500
"""In one transaction: it holds up the server, which does one thing at a time."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Plain values; defaults as in the settings."""

    host: str
    port: int = 6379
    database: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    tls: TlsFiles | None = None
    deliver: Literal["channel", "stream"] = "channel"
    topics: Topics = field(default_factory=Topics)
    stream_entries: int = 0
    """About how many entries a stream keeps; 0 is all."""
    replicas: int = 0
    """Replicas that must have the entries before `send` returns."""
    message_bytes: int = 16 << 20
    connect_seconds: float = 5.0
    acknowledge_seconds: float = 10.0


class RedisSink:
    """`EventSink`."""

    def __init__(self, name: str, options: RedisOptions) -> None:
        self._where = f"Redis sink {name!r}"
        self._options = options
        self._client: Redis | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        async with self._turn:
            await self._connected()

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        async with self._turn:
            mend = "Raise `message_bytes` of the sink."
            limit = self._options.message_bytes
            rejected = [
                too_large(each, self._where, mend) for each in events if len(each.body) > limit
            ]
            fitting = [each for each in events if len(each.body) <= limit]
            client = await self._connected()
            for start in range(0, len(fitting), _COMMANDS):
                await self._transact(client, fitting[start : start + _COMMANDS])
            return rejected

    async def close(self) -> None:
        async with self._turn:
            await self._disconnect()

    async def _transact(self, client: Redis, events: Sequence[Event]) -> None:
        options = self._options
        try:
            async with asyncio.timeout(options.acknowledge_seconds):
                with cancellation_kept():
                    async with client.pipeline(transaction=True) as pipeline:
                        for event in events:
                            self._add(pipeline, event)
                        await pipeline.execute()
                    reached = await self._replicated(client)
        except (RedisError, OSError) as error:
            await self._disconnect()
            raise self._unavailable("did not take the events", error) from None
        except BaseException:
            await self._disconnect()
            raise
        if reached < options.replicas:
            message = f"{self._where}: only {reached} of {options.replicas} replicas took them."
            raise SinkUnavailable(message)

    def _add(self, pipeline: Any, event: Event) -> None:  # noqa: ANN401 - generic over its answers
        topic = self._options.topics.of(event.type)
        if self._options.deliver == "channel":
            pipeline.publish(topic, event.body)
            return
        entry: dict[str, str | bytes] = {
            **headers_of(event),
            "key": event.key,
            "time": event.time.isoformat(),
            "body": event.body,
        }
        kept = self._options.stream_entries or None
        pipeline.xadd(topic, entry, maxlen=kept, approximate=True)

    async def _replicated(self, client: Redis) -> int:
        if not self._options.replicas:
            return 0
        millis = int(self._options.acknowledge_seconds * 800)  # answers before the client gives up
        return int(await client.wait(self._options.replicas, millis))

    async def _connected(self) -> Redis:
        if self._client is not None:
            return self._client
        options = self._options
        client = Redis(
            host=options.host,
            port=options.port,
            db=options.database,
            username=options.user or None,
            password=options.password or None,
            **_tls(options.tls),
            socket_timeout=options.acknowledge_seconds,
            socket_connect_timeout=options.connect_seconds,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            async with asyncio.timeout(options.connect_seconds):
                persistence = await client.info("persistence")
        except (RedisError, OSError) as error:
            await _closed(client)
            raise self._unavailable("cannot be used", error) from None
        except BaseException:
            await _closed(client)
            raise
        if options.deliver == "stream" and not persistence.get("aof_enabled"):
            log.warning("sink_not_durable", sink=self._where, mend="set `appendonly yes`")
        self._client = client
        return client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _closed(client)

    def _unavailable(self, what: str, error: BaseException) -> SinkUnavailable:
        # The name of the error only: texts of the library may hold what it was configured with.
        place = f"{self._options.host}:{self._options.port}"
        return SinkUnavailable(
            f"{self._where}: the server at {place} {what} ({type(error).__name__})."
        )


def _tls(files: TlsFiles | None) -> dict[str, Any]:
    if files is None:
        return {}
    return {
        "ssl": True,
        "ssl_ca_certs": str(files.ca) if files.ca else None,
        "ssl_certfile": str(files.certificate) if files.certificate else None,
        "ssl_keyfile": str(files.key) if files.key else None,
    }


async def _closed(client: Redis) -> None:
    with suppress(RedisError, OSError):
        await client.aclose()
