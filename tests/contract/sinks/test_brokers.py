"""What single brokers do beyond what all sinks promise."""

import asyncio
import logging
import time
from typing import Any

import aio_pika
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from redis.asyncio import Redis
from structlog.testing import capture_logs

from hilum.domain.errors import SinkUnavailable
from tests.contract.sinks.conftest import BROKERS
from tests.contract.sinks.events import an_event, events_of_studies, ids
from tests.contract.sinks.far_sides import (
    FarKafka,
    FarRabbit,
    FarRedisStream,
    sink_of,
)
from tests.contract.sinks.test_telling import keyed
from tests.engines import address


async def test_kafka_rejects_what_the_broker_finds_too_large_and_delivers_the_rest() -> None:
    far = FarKafka(address("kafka"))
    await far.begin(max_message_bytes="20000")
    events = [keyed(each) for each in events_of_studies(400, studies=2)]
    huge = orjson.dumps({"sequence": 0, "text": "x" * 30_000})
    events[200] = keyed(an_event(201, key=events[200].key, body=huge))
    sink = sink_of(far.table())

    rejected = await sink.send(events)

    await sink.close()
    assert [(each.event_id, each.cause) for each in rejected] == [
        (events[200].event_id, "message-too-large")
    ]
    told = await far.told(399)
    rest = [each for each in events if each is not events[200]]
    assert len(told) == 399
    for key in {each.key for each in events}:
        assert [each.event_id for each in told if each.key == key] == ids(rest, key)


async def test_kafka_gives_a_study_the_partition_that_other_producers_do() -> None:
    """The Java client's hash: a consumer may join our topics with its own."""
    far = FarKafka(address("kafka"))
    admin = AIOKafkaAdminClient(bootstrap_servers=far.address)
    await admin.start()
    await admin.create_topics([NewTopic(each, 7, 1) for each in far.topics.values()])
    await admin.close()
    sink: Any = sink_of(far.table())
    await sink.open()

    # From org.apache.kafka.common.utils.UtilsTest, murmur2 modulo 7 after dropping the sign.
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, digest in known.items():
        assert sink._partition(key, list(range(7))) == (digest & 0x7FFFFFFF) % 7

    await sink.close()


async def test_rabbitmq_waits_for_a_queue_by_default() -> None:
    far = FarRabbit(address("rabbitmq"))
    sink = sink_of(far.table())
    with pytest.raises(SinkUnavailable, match="no queue is bound"):
        await sink.send([keyed(an_event(1))])
    await far.begin()

    assert list(await sink.send([keyed(an_event(1))])) == []

    await sink.close()
    assert [each.event_id for each in await far.told(1)] == [an_event(1).event_id]


@pytest.mark.parametrize(("choice", "causes"), [("reject", ["unroutable"]), ("drop", [])])
async def test_rabbitmq_can_reject_or_drop_what_nobody_wants(
    choice: str, causes: list[str]
) -> None:
    far = FarRabbit(address("rabbitmq"))
    sink = sink_of({**far.table(), "unroutable": choice})

    rejected = await sink.send([an_event(1)])

    await sink.close()
    assert [each.cause for each in rejected] == causes


async def test_rabbitmq_messages_outlive_the_broker_and_name_themselves() -> None:
    far = FarRabbit(address("rabbitmq"))
    await far.begin()
    event = keyed(an_event(1))
    sink = sink_of(far.table())
    await sink.send([event])
    await sink.close()

    async with await aio_pika.connect(far.address) as connection:
        queue = await (await connection.channel()).get_queue(far.mark)
        message = await queue.get()

    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.routing_key == message.type == event.type
    assert message.message_id == event.event_id
    assert message.correlation_id == event.correlation_id
    assert message.content_type == "application/json"
    assert message.timestamp is not None
    assert int(message.timestamp.timestamp()) == int(event.time.timestamp())


async def test_a_redis_stream_keeps_about_so_many_entries() -> None:
    far = FarRedisStream(address("redis"))
    sink = sink_of({**far.table(), "stream_entries": 100})

    await sink.send([keyed(each) for each in events_of_studies(1000, studies=1)])

    await sink.close()
    assert 100 <= len(await far.told(100)) < 400


async def test_redis_that_keeps_no_file_is_told_of() -> None:
    url = address("redis")
    client = Redis.from_url(url)
    await client.config_set("appendonly", "no")
    try:
        sink = sink_of(FarRedisStream(url).table())
        with capture_logs() as logs:
            await sink.open()
        await sink.close()
    finally:
        await client.config_set("appendonly", "yes")
        await client.aclose()

    assert [each["event"] for each in logs] == ["sink_not_durable"]


async def test_redis_waits_for_replicas_that_were_asked_for() -> None:
    far = FarRedisStream(address("redis"))
    sink = sink_of({**far.table(), "replicas": 1, "acknowledge_seconds": 2.0})

    with pytest.raises(SinkUnavailable, match="0 of 1 replicas"):
        await sink.send([keyed(an_event(1))])

    await sink.close()


@pytest.mark.parametrize("name", BROKERS)
@pytest.mark.parametrize("reachable", [True, False])
async def test_no_secret_is_in_an_error_or_a_log(
    name: str, reachable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine, kind = BROKERS[name]
    host = kind(address(engine)).address.rpartition("@")[2].removeprefix("redis://").split("/")[0]
    host = host if reachable else "127.0.0.1:1"
    scheme = {"kafka": "kafka", "rabbitmq": "amqp", "redis": "redis"}[engine]
    table = {**kind("").table(), "url": f"{scheme}://somebody:tell-nobody@{host}/0"}
    if engine != "redis":
        table["url"] = table["url"].removesuffix("/0")
    sink = sink_of(table)

    with capture_logs() as logs:
        for _ in range(2):
            with pytest.raises(SinkUnavailable) as caught:
                await sink.send([keyed(an_event(1))])
            assert "tell-nobody" not in str(caught.value)
            assert host in str(caught.value)
        await sink.close()

    assert "tell-nobody" not in repr(sink.__dict__ if hasattr(sink, "__dict__") else sink)
    assert "tell-nobody" not in str(logs)
    assert "tell-nobody" not in caplog.text


async def test_kafka_replaces_a_producer_that_is_stuck_though_the_broker_answers() -> None:
    far = FarKafka(address("kafka"))
    await far.begin()
    events = [keyed(each) for each in events_of_studies(20, studies=2)]
    sink: Any = sink_of({**far.table(), "acknowledge_seconds": 0.2})
    await sink.open()
    stuck = sink._producer
    sink._flying = {asyncio.get_running_loop().create_future(): events[:10]}
    sink._flying_since = time.monotonic() - 3600

    with capture_logs() as logs, pytest.raises(SinkUnavailable, match="does not acknowledge"):
        await sink.send(events)

    assert list(await sink.send(events)) == []
    assert sink._producer is not stuck
    assert [each["event"] for each in logs] == ["sink_producer_replaced"]
    await sink.close()
    assert len(await far.told(20)) == 20


async def test_kafka_remembers_that_a_batch_was_refused_while_another_was_under_way() -> None:
    """The next one would be out of sequence: the producer is replaced once nothing is in flight."""
    far = FarKafka(address("kafka"))
    await far.begin()
    events = [keyed(each) for each in events_of_studies(15, studies=2)]
    sink: Any = sink_of({**far.table(), "acknowledge_seconds": 0.2})
    await sink.open()
    former = sink._producer
    loop = asyncio.get_running_loop()
    refused, under_way = loop.create_future(), loop.create_future()
    refused.set_exception(KafkaError())
    sink._flying = {refused: events[:5], under_way: events[5:10]}
    sink._flying_since = time.monotonic()

    with pytest.raises(SinkUnavailable, match="does not acknowledge"):
        await sink.send(events)
    assert sink._producer is former
    under_way.set_result(None)

    assert list(await sink.send(events)) == []
    assert sink._producer is not former
    await sink.close()
    assert len(await far.told(10)) == 10
