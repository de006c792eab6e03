"""Clients of Kafka, made from `bus.url`, and what an administrator does: topics and retention."""

import asyncio
import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata

from hilum.adapters.bus.options import (
    BusOptions,
    demand_servers,
    hosts_in,
    unavailable,
    unusable,
)
from hilum.clients.kafka import ended, started
from hilum.domain.errors import BusUnavailable

_PORT: Final = 9092
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_RETRY_MILLISECONDS: Final = 100
_OVERHEAD_BYTES: Final = 8 << 10
_LONG_MILLISECONDS: Final = 86_400_000
_SETTLE_SECONDS: Final = 0.1

# They tell of every failed request; we tell of outages once, in our own words.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


class KafkaClients:
    """Makes clients, and keeps the one of the administrator."""

    def __init__(self, url: str, options: BusOptions) -> None:
        self.url = url
        self.options = options
        self.milliseconds = int(options.request_seconds * 1000)
        self._arguments = _connection(url, self.milliseconds)
        self._admin: AIOKafkaAdminClient | None = None
        self._turn = asyncio.Lock()

    def producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._arguments,
            acks="all",
            enable_idempotence=True,
            max_request_size=self.options.message_bytes + _OVERHEAD_BYTES,
            max_batch_size=self.options.message_bytes + _OVERHEAD_BYTES,
        )

    def consumer(self, group_id: str) -> AIOKafkaConsumer:
        """A member of a group that commits what it is told to, and no more.

        Whether it lives is told by its heartbeats alone: a handler may take as long as it likes.
        """
        session = int(self.options.lease_seconds * 1000)
        rebalance = int(self.options.finish_seconds * 1000) + session
        return AIOKafkaConsumer(
            # To join is to wait until every other member has given back what it has, or is dead.
            **{**self._arguments, "request_timeout_ms": self.milliseconds + rebalance},
            group_id=group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=session,
            heartbeat_interval_ms=int(self.options.heartbeat_seconds * 500),
            rebalance_timeout_ms=rebalance,
            max_poll_interval_ms=_LONG_MILLISECONDS,
            max_partition_fetch_bytes=self.options.message_bytes + _OVERHEAD_BYTES,
        )

    async def admin(self) -> AIOKafkaAdminClient:
        async with self._turn:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._arguments)
                with self.telling():
                    await started(admin, self.options.request_seconds)
                self._admin = admin
            return self._admin

    async def ask(self) -> None:
        """Raise `BusUnavailable` unless a broker answers."""
        admin = await self.admin()
        with self.telling():
            async with asyncio.timeout(self.options.request_seconds):
                await admin.describe_cluster()

    async def ensure_topic(self, topic: str) -> int:
        """Make the topic where it does not exist; return the number of its partitions.

        Made by us it keeps everything until `drop_handled` removes it.
        """
        admin = await self.admin()
        wanted = NewTopic(
            topic,
            self.options.partitions,
            1,
            topic_configs={
                "retention.ms": "-1",
                "max.message.bytes": str(self.options.message_bytes + _OVERHEAD_BYTES),
            },
        )
        wanted.replication_factor = self.options.replicas or -1  # -1: as the broker is set up
        with self.telling():
            async with asyncio.timeout(self.options.request_seconds):
                while not (partitions := await _partitions(admin, topic)):
                    await _create(admin, wanted)
                    await asyncio.sleep(_SETTLE_SECONDS)
        return partitions

    async def committed(self, group_id: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
        admin = await self.admin()
        with self.telling():
            async with asyncio.timeout(self.options.request_seconds):
                return dict(await admin.list_consumer_group_offsets(group_id))

    async def groups(self, prefix: str) -> list[str]:
        admin = await self.admin()
        with self.telling():
            async with asyncio.timeout(self.options.request_seconds):
                found = await admin.list_consumer_groups()
        return [name for name, *_ in found if name.startswith(prefix)]

    async def drop_before(self, offsets: Mapping[TopicPartition, int]) -> None:
        admin = await self.admin()
        records = {part: RecordsToDelete(offset) for part, offset in offsets.items()}
        with self.telling():
            async with asyncio.timeout(self.options.request_seconds):
                await admin.delete_records(records, timeout_ms=self.milliseconds)

    async def close(self) -> None:
        async with self._turn:
            admin, self._admin = self._admin, None
            if admin is not None:
                await ended(admin)

    @contextmanager
    def telling(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            raise self.unavailable(error) from None

    def unavailable(self, error: BaseException) -> BusUnavailable:
        return unavailable(self.url, error)


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> int:
    # Of all topics: a broker that is asked for one that does not exist may make it, as it likes.
    for found in await admin.describe_topics():
        if found["topic"] == topic and not found["error_code"]:
            return len(found["partitions"])
    return 0


async def _create(admin: AIOKafkaAdminClient, wanted: NewTopic) -> None:
    response = await admin.create_topics([wanted])
    for _, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError and not error.retriable:
            raise error


def _connection(url: str, milliseconds: int) -> dict[str, Any]:
    demand_servers(url, several=True)
    parts = urlsplit(url)
    mechanism = parse_qs(parts.query).get("mechanism", ["SCRAM-SHA-512"])[0]
    if mechanism not in _MECHANISMS:
        raise unusable(url, f"its mechanism is none of {', '.join(_MECHANISMS)}")
    secure = parts.scheme == "kafkas"
    arguments: dict[str, Any] = {
        "bootstrap_servers": [
            host if ":" in host.rpartition("]")[2] else f"{host}:{_PORT}"
            for host in hosts_in(parts).split(",")
        ],
        "client_id": "hilum",
        "request_timeout_ms": milliseconds,
        "retry_backoff_ms": _RETRY_MILLISECONDS,
        "security_protocol": "SSL" if secure else "PLAINTEXT",
        "ssl_context": ssl.create_default_context() if secure else None,
    }
    if "@" in parts.netloc:
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        arguments |= {
            "security_protocol": f"SASL_{arguments['security_protocol']}",
            "sasl_mechanism": mechanism,
            "sasl_plain_username": unquote(user),
            "sasl_plain_password": unquote(password),
        }
    return arguments
