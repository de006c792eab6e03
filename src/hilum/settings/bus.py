"""Settings of the bus between roles."""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from hilum.settings.types import ByteCount, Count, CountOrZero, Seconds, SecondsOrZero, Section

_SCHEMES: Final = ("memory", "redis", "rediss", "amqp", "amqps", "kafka", "kafkas")


class BusSettings(Section):
    """Commands and events between the roles of one deployment."""

    url: SecretStr = SecretStr("memory://")
    """Which engine carries them. `memory://`: one process; `redis://[user:password@]host[:port]/db`
    (Redis Streams); `amqp://user:password@host[:port]/vhost` (RabbitMQ);
    `kafka://[user:password@]host:port[,host:port]` (with a user: SCRAM-SHA-512, or another
    mechanism by `?mechanism=PLAIN`). `rediss`, `amqps` and `kafkas` are the same over TLS. Shown
    masked, since it may hold a password."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")] = "hilum"
    """First word of every name at the engine, so that several deployments can share it."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    """Parts that a new topic is split into. What has one key lies in one part, and each part is
    worked on by one process at a time: it bounds how many processes of a group share the work. A
    topic keeps the number it was made with."""
    prefetch: Count = 32
    """Messages of one part that a process has in hand: those being handled, waiting for a turn, or
    resting between attempts."""
    message_bytes: ByteCount = 900 << 10
    """Largest message, body and headers; publishing a larger one is refused with
    `limit-exceeded`. Above 900 KiB Kafka's `message.max.bytes` has to be raised too."""
    backlog_messages: Count = 100_000
    """Most messages of one part that wait for any one group, dead letters too; publishing more is
    refused until a group has caught up. Kafka has no such bound: there the disk is it."""
    memory_bytes: ByteCount = 256 << 20
    """In process: most bytes of messages that wait; publishing more is refused."""
    retention_seconds: SecondsOrZero = 86_400.0
    """How long messages that every group has handled are kept for groups to come, on Redis and
    Kafka; on Redis at most as long as there is room below `backlog_messages`. Messages that a group
    has still to handle are kept without limit of time."""
    lease_seconds: Annotated[float, Field(ge=1, le=600)] = 10.0
    """A process that is not heard of for so long has lost its messages to other members of its
    group."""
    retry_seconds: Seconds = 1.0
    """Pause before a message is handed over the second time; it doubles with each attempt."""
    maximum_retry_seconds: Seconds = 60.0
    """Longest pause between two attempts."""
    finish_seconds: SecondsOrZero = 30.0
    """How long a handler may go on when its process is to end, or its part is to move to another
    process; then it is cancelled and its message is handed to another member."""
    request_seconds: Annotated[float, Field(ge=0.5, le=600)] = 10.0
    """Longest wait for an answer of the engine, such as that a message is durable."""
    replicas: CountOrZero = 0
    """Servers of the engine that have each message before it counts as durable. Kafka: replication
    factor of new topics. RabbitMQ: size of new quorum queues. Redis: `WAIT` for so many, the
    primary included. 0: as the engine is set up (Redis: the primary alone)."""

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(value.get_secret_value())
        except ValueError:
            message = "is not a URL"
            raise ValueError(message) from None
        if parts.scheme not in _SCHEMES:
            message = f"should start with one of {', '.join(f'{name}://' for name in _SCHEMES)}"
            raise ValueError(message)
        if parts.scheme != "memory" and not parts.netloc.rpartition("@")[2]:
            message = f"should name a host: {parts.scheme}://host:port"
            raise ValueError(message)
        return value
