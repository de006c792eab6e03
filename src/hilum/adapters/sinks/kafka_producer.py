"""The producer of the Kafka sink: how it is set up, started and ended."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from hilum.adapters.sinks.tls import TlsFiles
from hilum.adapters.sinks.topics import Topics

_STOP_SECONDS: Final = 5.0
_RETRY_MILLISECONDS: Final = 100


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Plain values; defaults as in the settings."""

    servers: Sequence[str]
    topics: Topics = field(default_factory=Topics)
    user: str = ""
    password: str = field(default="", repr=False)
    mechanism: str = "SCRAM-SHA-512"
    tls: TlsFiles | None = None
    compression: str | None = None
    batch_bytes: int = 512 << 10
    message_bytes: int = 1_000_000
    connect_seconds: float = 5.0
    acknowledge_seconds: float = 10.0
    abandon_seconds: float = 60.0
    """A batch still unacknowledged after this time, though the broker answers, is sent anew."""


async def started(options: KafkaOptions) -> AIOKafkaProducer:
    """A producer that is connected. Raises `KafkaError` and `OSError` (`TimeoutError` too)."""
    producer = AIOKafkaProducer(
        bootstrap_servers=list(options.servers),
        client_id="hilum",
        acks="all",
        enable_idempotence=True,
        compression_type=options.compression,
        max_batch_size=options.batch_bytes,
        request_timeout_ms=int(options.acknowledge_seconds * 1000),
        retry_backoff_ms=_RETRY_MILLISECONDS,
        **security(options),
    )
    try:
        async with asyncio.timeout(options.connect_seconds):
            await producer.start()
    except BaseException:
        await stopped(producer)
        raise
    return producer


async def stopped(producer: AIOKafkaProducer) -> None:
    """End a producer, also one that could never deliver what it holds.

    `stop` waits for that without bound (idempotent batches do not expire), and the library has no
    other way to give them up.
    """
    producer._message_accumulator.fail_all(KafkaError("given up"))
    with suppress(Exception):
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()


def security(options: KafkaOptions) -> dict[str, object]:
    transport = "SSL" if options.tls else "PLAINTEXT"
    context = options.tls.context() if options.tls else None
    if not options.user:
        return {"security_protocol": transport, "ssl_context": context}
    return {
        "security_protocol": f"SASL_{transport}",
        "ssl_context": context,
        "sasl_mechanism": options.mechanism,
        "sasl_plain_username": options.user,
        "sasl_plain_password": options.password,
    }
