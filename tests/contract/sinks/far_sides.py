"""The far side of each sink: a real engine, what is configured for it, and an independent reader.

The readers know nothing of the sinks: they use what any consumer would, on connections of theirs.
"""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import aio_pika
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from hilum.bootstrap.sinks import make_sink
from hilum.ports.sinks import EventSink
from hilum.settings import load_settings
from tests.contract.sinks.events import TYPES, Told
from tests.contract.sinks.receiver import Posted, Receiver, data_of
from tests.engines import Own

_PARTITIONS = 3
QUICK = {"connect_seconds": 2.0, "acknowledge_seconds": 3.0}
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1zaW5rLXRlc3Rz"
PLACES = {TYPES[0]: "hilum.instances.v1", TYPES[1]: "hilum.studies.v1", TYPES[2]: TYPES[2]}
"""Where events go by default."""


def sink_of(table: Mapping[str, Any]) -> EventSink:
    """A sink as the settings make it, by way of a real environment variable."""
    text = orjson.dumps({"far": dict(table)}).decode()
    settings = load_settings(environment={"HILUM_SINKS": text})
    return make_sink("far", settings, {"FAR_SECRET": SECRET})


class FarSide(Protocol):
    name: str
    durable: bool
    """What was acknowledged outlives the engine."""
    repeats: bool
    """An outage may have events told again."""

    def table(self) -> dict[str, Any]:
        """The sink in the settings."""
        ...

    async def begin(self) -> None: ...

    async def told(self, count: int) -> list[Told]:
        """At least `count` different events from the beginning, in the order of each key."""
        ...

    async def end(self) -> None: ...

    def kill(self) -> None: ...

    def restart(self) -> None: ...


class _Engine:
    """An engine in a process of its own, shared or private."""

    repeats = True
    durable = True

    def __init__(self, address: str, own: Own | None = None) -> None:
        self.address = address
        self.own = own
        self.mark = uuid.uuid4().hex

    async def begin(self) -> None:
        pass

    async def end(self) -> None:
        pass

    def kill(self) -> None:
        assert self.own is not None
        self.own.kill()

    def restart(self) -> None:
        assert self.own is not None
        self.own.start()


class FarKafka(_Engine):
    name = "kafka"
    repeats = False

    @property
    def topics(self) -> dict[str, str]:
        return {type_: f"{self.mark}.{place}" for type_, place in PLACES.items()}

    def table(self) -> dict[str, Any]:
        return {**QUICK, "url": f"kafka://{self.address}", "topics": self.topics}

    async def begin(self, **configuration: str) -> None:
        """Topics of several partitions, as an operator makes them."""
        configs = {name.replace("_", "."): value for name, value in configuration.items()}
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(each, _PARTITIONS, 1, topic_configs=configs)
                    for each in self.topics.values()
                ]
            )
        finally:
            await admin.close()

    async def told(self, count: int) -> list[Told]:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest")
        await consumer.start()
        found: list[Told] = []
        try:
            parts = [
                TopicPartition(topic, number)
                for topic in self.topics.values()
                for number in range(_PARTITIONS)
            ]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            for part in parts:
                await consumer.seek_to_beginning(part)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [_from_kafka(each, self.mark) for each in records]
        finally:
            await consumer.stop()
        assert len({each.event_id for each in found}) >= count
        return found


def _from_kafka(record: Any, mark: str) -> Told:
    headers = {name: value.decode() for name, value in record.headers}
    place = record.topic.removeprefix(f"{mark}.")
    return Told(headers["event_id"], record.key.decode(), record.value, headers, place)


class FarRabbit(_Engine):
    name = "rabbitmq"

    def table(self) -> dict[str, Any]:
        return {**QUICK, "url": self.address, "exchange": self.mark, "unconfirmed": 64}

    async def begin(self) -> None:
        """Somebody has bound a durable queue."""
        async with await aio_pika.connect(self.address) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(self.mark, "topic", durable=True)
            queue = await channel.declare_queue(self.mark, durable=True)
            await queue.bind(exchange, "#")

    async def told(self, count: int) -> list[Told]:
        found: list[Told] = []
        async with await aio_pika.connect(self.address) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue(self.mark)
            while message := await queue.get(fail=False):
                headers = {name: str(value) for name, value in message.headers.items()}
                key = _key_of(message.body, headers)
                found.append(
                    Told(message.message_id or "", key, message.body, headers, message.routing_key)
                )
        assert len({each.event_id for each in found}) >= count
        return found


def _key_of(body: bytes, headers: Mapping[str, str]) -> str:
    """RabbitMQ and channels carry no key; the tests put it into a header or the body."""
    return headers.get("test-key") or str(orjson.loads(body).get("key", ""))


class FarRedisStream(_Engine):
    name = "redis-stream"

    def table(self) -> dict[str, Any]:
        return {**QUICK, "url": self.address, "deliver": "stream", "prefix": f"{self.mark}:"}

    async def told(self, count: int) -> list[Told]:
        client = Redis.from_url(self.address)
        found: list[Told] = []
        try:
            for place in sorted(set(PLACES.values())):
                for _, fields in await client.xrange(f"{self.mark}:{place}"):
                    entry = {name.decode(): value.decode() for name, value in fields.items()}
                    body = entry.pop("body").encode()
                    found.append(Told(entry["event_id"], entry["key"], body, entry, place))
        finally:
            await client.aclose()
        assert len({each.event_id for each in found}) >= count
        return found


class FarRedisChannel(_Engine):
    name = "redis-channel"
    durable = False

    def table(self) -> dict[str, Any]:
        return {**QUICK, "url": self.address, "prefix": f"{self.mark}:"}

    async def begin(self) -> None:
        self._client = Redis.from_url(self.address)
        self._heard = self._client.pubsub()
        await self._heard.psubscribe(f"{self.mark}:*")
        await self._heard.get_message(timeout=5)

    async def told(self, count: int) -> list[Told]:
        found: list[Told] = []
        while message := await self._heard.get_message(timeout=0.5):
            place = message["channel"].decode().removeprefix(f"{self.mark}:")
            body = orjson.loads(message["data"])
            found.append(
                Told(
                    f"0f0f0f0f-{body['sequence']}", body.get("key", ""), message["data"], {}, place
                )
            )
        assert len({each.event_id for each in found}) >= count
        return found

    async def end(self) -> None:
        await self._heard.aclose()
        await self._client.aclose()


class FarWebhook:
    name = "webhook"
    durable = True
    repeats = True

    def __init__(self, mode: str = "binary") -> None:
        self.mode = mode
        self.receiver = Receiver()

    def table(self) -> dict[str, Any]:
        return {
            **QUICK,
            "url": self.receiver.url,
            "mode": self.mode,
            "secret_variable": "FAR_SECRET",
            "allowed_networks": ["127.0.0.1/32"],
        }

    async def begin(self) -> None:
        await asyncio.to_thread(self.receiver.start)

    async def told(self, count: int) -> list[Told]:
        found = [self._told(each) for each in self.receiver.accepted]
        assert len({each.event_id for each in found}) >= count
        return found

    def _told(self, posted: Posted) -> Told:
        if self.mode == "structured":
            whole = orjson.loads(posted.body)
            headers = {
                "event_type": whole["type"],
                "correlation_id": whole["correlationid"],
                "sequence": whole["sequence"],
            }
            body = orjson.dumps(data_of(posted))
            return Told(whole["id"], whole["subject"], body, headers, whole["type"])
        told = {
            "event_type": posted.headers["ce-type"],
            "correlation_id": posted.headers["ce-correlationid"],
            "sequence": posted.headers["ce-sequence"],
        }
        subject = posted.headers["ce-subject"]
        return Told(posted.event_id, subject, posted.body, told, posted.headers["ce-type"])

    async def end(self) -> None:
        await asyncio.to_thread(self.receiver.stop)

    def kill(self) -> None:
        self.receiver.stop()

    def restart(self) -> None:
        self.receiver.start()


class FarFile:
    name = "file"
    durable = True
    repeats = False

    def __init__(self, folder: Path) -> None:
        self.path = folder / "told" / "events.jsonl"

    def table(self) -> dict[str, Any]:
        return {"url": f"file://{self.path}"}

    async def begin(self) -> None:
        self.path.parent.mkdir()

    async def told(self, count: int) -> list[Told]:
        found = []
        for line in self.path.read_bytes().splitlines():
            entry = orjson.loads(line)
            headers = {
                **entry["headers"],
                "event_type": entry["type"],
                "correlation_id": entry["correlation_id"],
                "sequence": entry["sequence"],
            }
            body = orjson.dumps(entry["body"])
            found.append(Told(entry["event_id"], entry["key"], body, headers, entry["type"]))
        assert len({each.event_id for each in found}) >= count
        return found

    async def end(self) -> None:
        pass

    def kill(self) -> None:
        """Somebody puts a file where the folder was."""
        aside = self.path.parent.with_name("aside")
        self.path.parent.rename(aside)
        self.path.parent.write_text("in the way")

    def restart(self) -> None:
        self.path.parent.unlink()
        self.path.parent.with_name("aside").rename(self.path.parent)
