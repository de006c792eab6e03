"""The middleware's topics, as a reader who knows nothing of Hilum has them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

METADATA: Final = "dicom.metadata.v1"
LETTERS: Final = "dicom.metadata.dlq"
_PARTITIONS: Final = 3


@dataclass(frozen=True)
class Told:
    """One record of a topic, as it was read."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    body: dict[str, Any]


async def make_topics(address: str) -> None:
    """Topics of several partitions, as an operator makes them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(each, _PARTITIONS, 1) for each in (METADATA, LETTERS)])
    finally:
        await admin.close()


async def read_topic(address: str, topic: str) -> list[Told]:
    """All that is in a topic at present, in the order of each partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Told] = []
    try:
        parts = [TopicPartition(topic, number) for number in range(_PARTITIONS)]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [_told(each) for each in records]
    finally:
        await consumer.stop()
    return found


def _told(record: Any) -> Told:
    return Told(
        record.topic,
        record.partition,
        record.offset,
        (record.key or b"").decode(),
        {name: value.decode() for name, value in record.headers},
        json.loads(record.value),
    )


def counted(told: Sequence[Told]) -> Counter[str]:
    """How often each study was told of."""
    return Counter(each.key for each in told)


def in_order(told: Sequence[Told]) -> bool:
    """Whether the feed's numbers grow within each partition, and none comes twice."""
    seen: dict[int, list[int]] = {}
    for each in sorted(told, key=lambda one: one.offset):
        seen.setdefault(each.partition, []).append(each.body["sequence"])
    return all(numbers == sorted(set(numbers)) for numbers in seen.values())
