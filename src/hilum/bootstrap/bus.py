"""The bus between roles, over the engine that its URL names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit

from hilum.adapters.bus.memory import MemoryBus
from hilum.adapters.bus.options import BusOptions
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Bus
from hilum.ports.readiness import Check
from hilum.settings import Settings


class OpenBus(Bus, Check, Protocol):
    """A bus, which also tells `/ready` whether its engine answers."""

    async def __aenter__(self) -> "OpenBus": ...

    async def __aexit__(self, *_: object) -> None: ...


@asynccontextmanager
async def open_bus(settings: Settings) -> AsyncIterator[OpenBus]:
    """Connect to the engine of `bus.url`; leaving gives back what is in hand.

    Raises `BusUnavailable` when it cannot be reached now, or needs an extra that is not installed.
    """
    async with _engine(settings.bus.url.get_secret_value(), bus_options(settings)) as bus:
        yield bus


def bus_checks(bus: OpenBus) -> list[Check]:
    """What `/ready` asks of the bus: nothing where it is the process itself."""
    return [] if isinstance(bus, MemoryBus) else [bus]


def is_in_process(settings: Settings) -> bool:
    """Whether only this process can hear what is published."""
    return urlsplit(settings.bus.url.get_secret_value()).scheme == "memory"


def bus_options(settings: Settings) -> BusOptions:
    bus = settings.bus
    return BusOptions(
        name=bus.name,
        partitions=bus.partitions,
        prefetch=bus.prefetch,
        message_bytes=bus.message_bytes,
        backlog_messages=bus.backlog_messages,
        memory_bytes=bus.memory_bytes,
        retention_seconds=bus.retention_seconds,
        lease_seconds=bus.lease_seconds,
        retry_seconds=bus.retry_seconds,
        maximum_retry_seconds=bus.maximum_retry_seconds,
        finish_seconds=bus.finish_seconds,
        request_seconds=bus.request_seconds,
        replicas=bus.replicas,
    )


def _engine(url: str, options: BusOptions) -> OpenBus:
    """The engine for `url`; its library is imported here, and only when it is chosen."""
    scheme = urlsplit(url).scheme
    extra = ""
    try:
        match scheme:
            case "redis" | "rediss":
                extra = "redis"
                from hilum.adapters.bus.redis_streams import RedisBus  # noqa: PLC0415

                return RedisBus(url, options)
            case "amqp" | "amqps":
                extra = "rabbitmq"
                from hilum.adapters.bus.rabbitmq import RabbitBus  # noqa: PLC0415

                return RabbitBus(url, options)
            case "kafka" | "kafkas":
                extra = "kafka"
                from hilum.adapters.bus.kafka import KafkaBus  # noqa: PLC0415

                return KafkaBus(url, options)
            case _:
                return MemoryBus(options)
    except ImportError as error:
        text = f"bus.url starts with {scheme}://, which needs: pip install 'hilum[{extra}]'"
        raise BusUnavailable(f"{text} ({error.name} is missing).") from error
