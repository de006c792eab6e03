"""A consumer of Kafka that knows nothing of Hilum but the names of its topics."""

import asyncio
import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

INSTANCES, STUDIES, METADATA = "hilum.instances.v1", "hilum.studies.v1", "dicom.metadata.v1"
TOPICS = (INSTANCES, STUDIES, METADATA)
_PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class Told:
    """A record of a topic."""

    topic: str
    partition: int
    study: str
    event_id: str
    raw: bytes
    body: dict[str, Any]

    @property
    def sequence(self) -> int:
        return int(self.body["sequence"])


def make_topics(server: str) -> None:
    """Topics of several partitions, so that studies may overtake each other."""

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=server)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(each, _PARTITIONS, 1) for each in TOPICS])
        finally:
            await admin.close()

    asyncio.run(make())


def told(server: str, count: int, seconds: float = 60.0) -> list[Told]:
    """All that the topics hold, each partition in its order, once they hold `count` events.

    When they never do, what they hold instead: to be compared with what they should.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = asyncio.run(_read(server, TOPICS))
        events = len({each.event_id for each in found})
        if events >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


async def _read(server: str, topics: Collection[str]) -> list[Told]:
    """From the beginning of every partition to where it ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Told] = []
    try:
        parts = [TopicPartition(each, number) for each in topics for number in range(_PARTITIONS)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [_told(record) for record in records]
    finally:
        await consumer.stop()
    return found


def _told(record: Any) -> Told:
    headers = dict(record.headers)
    event_id = headers["event_id"].decode()
    body = json.loads(record.value)
    assert body["event_id"] == event_id
    study = record.key.decode()
    assert body["study_instance_uid"] == study
    return Told(record.topic, record.partition, study, event_id, record.value, body)
