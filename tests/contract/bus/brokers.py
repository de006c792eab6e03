"""Buses for the contract, by engine."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace

from hilum.adapters.bus.memory import MemoryBus
from hilum.adapters.bus.options import BusOptions
from hilum.bootstrap.bus import OpenBus
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message

ENGINES = ("memory", "redis", "rabbitmq", "kafka")
BROKERS = ENGINES[1:]
QUICK = BusOptions(
    partitions=4,
    prefetch=16,
    lease_seconds=6.0,
    retry_seconds=0.05,
    maximum_retry_seconds=0.4,
    finish_seconds=5.0,
    request_seconds=5.0,
)
"""Kafka takes no session of less than six seconds."""


def bus_url(engine: str, address: str) -> str:
    """`bus.url` for an address as `tests.engines` gives it."""
    return f"kafka://{address}" if engine == "kafka" else address


def make_bus(url: str, options: BusOptions) -> OpenBus:
    """A bus over the engine of `url`, not opened yet."""
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return MemoryBus(options)
    if scheme == "redis":
        from hilum.adapters.bus.redis_streams import RedisBus

        return RedisBus(url, options)
    if scheme == "amqp":
        from hilum.adapters.bus.rabbitmq import RabbitBus

        return RabbitBus(url, options)
    from hilum.adapters.bus.kafka import KafkaBus

    return KafkaBus(url, options)


@dataclass(frozen=True)
class Broker:
    """One engine, with names of its own there, so that tests can run side by side."""

    engine: str
    url: str
    options: BusOptions = field(
        default_factory=lambda: replace(QUICK, name=f"t{uuid.uuid4().hex[:12]}")
    )
    topic: str = "study.arrived"

    def bus(self, **changes: object) -> OpenBus:
        return make_bus(self.url, self.changed(**changes))

    def changed(self, **changes: object) -> BusOptions:
        return replace(self.options, **changes)  # type: ignore[arg-type]

    def told(self, **changes: object) -> dict[str, object]:
        """What a process needs to know to open the same bus."""
        return {"url": self.url, "topic": self.topic, "options": asdict(self.changed(**changes))}


def letter(key: str, number: int, **headers: str) -> Message:
    return Message(f"{key}-{number}", key, f"body {number}".encode(), headers)


@dataclass
class Recorder:
    """A handler that remembers what it was called with, and does `then`."""

    then: Callable[[Message], Awaitable[None]] | None = None
    calls: list[Message] = field(default_factory=list)
    done: list[Message] = field(default_factory=list)

    async def __call__(self, message: Message) -> None:
        self.calls.append(message)
        if self.then is not None:
            await self.then(message)
        self.done.append(message)

    def ids(self) -> list[str]:
        return [message.message_id for message in self.done]

    def of(self, key: str) -> list[str]:
        return [message.message_id for message in self.done if message.key == key]


async def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait until it is so; fail when it does not become so in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.02)


async def eventually(true: Callable[[], Awaitable[object]], seconds: float = 40.0) -> None:
    """As `until`, for what has to be asked of an engine, which may not be ready to answer yet."""
    end = time.monotonic() + seconds
    while True:
        with suppress(BusUnavailable):
            if await true():
                return
        assert time.monotonic() < end, "did not happen in time"
        await asyncio.sleep(0.05)
