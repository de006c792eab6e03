"""The producer of the Kafka sink: how it is set up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaProducer

from hilum.adapters.sinks.tls import TlsFiles
from hilum.adapters.sinks.topics import Topics
from hilum.clients.kafka import started

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


async def connected(options: KafkaOptions) -> AIOKafkaProducer:
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
    await started(producer, options.connect_seconds)
    return producer


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
