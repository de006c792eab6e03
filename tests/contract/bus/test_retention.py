"""What the engine keeps of what was handled, and what it never drops."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from hilum.adapters.bus.kafka import KafkaBus
from hilum.adapters.bus.kafka_group import KafkaMember
from hilum.adapters.bus.lanes import Work
from hilum.adapters.bus.redis_client import RedisClient
from hilum.adapters.bus.redis_scripts import Keys
from hilum.domain.errors import BusUnavailable
from tests.contract.bus.brokers import Broker, Recorder, bus_url, eventually, letter, until
from tests.engines import address


@pytest.fixture
def redis() -> Broker:
    return Broker("redis", address("redis"))


@pytest.fixture
def kafka() -> Broker:
    return Broker("kafka", bus_url("kafka", address("kafka")))


async def test_redis_drops_what_every_group_handled_and_nothing_else(redis: Broker) -> None:
    stream = Keys(redis.options.name, redis.topic).stream(0)
    quick, late = Recorder(), Recorder()
    one = {"partitions": 1, "retention_seconds": 0.0, "lease_seconds": 1.0}
    async with redis.bus(**one) as bus, Redis.from_url(redis.url) as client:
        async with bus.subscribe(redis.topic, "late", late):
            pass  # the group exists, and has everything to handle
        async with bus.subscribe(redis.topic, "quick", quick):
            for number in range(20):
                await bus.publish(redis.topic, letter("k", number))
            await until(lambda: len(quick.done) == 20)
            await asyncio.sleep(3)
            assert await client.xlen(stream) == 20
            async with bus.subscribe(redis.topic, "late", late):
                await until(lambda: len(late.done) == 20)
                await eventually(lambda: _is_short(client, stream))
        assert await client.hlen(Keys(redis.options.name, redis.topic).attempts(0, "quick")) == 0


async def _is_short(client: Redis, stream: str) -> bool:
    return int(await client.xlen(stream)) <= 1  # the last one given out may stay


async def test_redis_keeps_what_was_handled_for_groups_to_come(redis: Broker) -> None:
    first, later = Recorder(), Recorder()
    async with redis.bus(lease_seconds=1.0) as bus:
        async with bus.subscribe(redis.topic, "first", first):
            for number in range(5):
                await bus.publish(redis.topic, letter("k", number))
            await until(lambda: len(first.done) == 5)
            await asyncio.sleep(2.5)
        async with bus.subscribe(redis.topic, "later", later):
            await until(lambda: len(later.done) == 5)

    assert later.ids() == first.ids()


async def test_redis_owns_a_part_by_one_process_at_a_time(redis: Broker) -> None:
    """A lease that somebody else got hold of ends the work on the part at once."""
    hanging = Recorder(lambda _message: asyncio.Event().wait())  # type: ignore[arg-type,return-value]
    owner = Keys(redis.options.name, redis.topic).owner(0, "g")
    async with redis.bus(partitions=1, lease_seconds=1.0) as bus:
        await bus.publish(redis.topic, letter("k", 0))
        async with (
            bus.subscribe(redis.topic, "g", hanging),
            Redis.from_url(redis.url) as client,
        ):
            await until(lambda: len(hanging.calls) == 1)
            await client.set(owner, "somebody else", px=1500)
            await until(lambda: len(hanging.calls) == 2, seconds=10)

    assert [message.attempt for message in hanging.calls] == [1, 2]
    assert hanging.done == []


async def test_redis_loses_nothing_when_an_answer_is_lost(
    redis: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis gave entries to the group and the connection broke before we heard of them."""
    lost: list[object] = []
    run = RedisClient.run

    async def run_and_lose(client: RedisClient, script: Any, keys: Any, args: Any) -> object:
        answer = await run(client, script, keys, args)
        if script is client.read and answer and answer[0][1] and len(lost) < 3:
            lost.append(answer)
            raise BusUnavailable("The answer was lost.")
        return answer

    monkeypatch.setattr(RedisClient, "run", run_and_lose)
    handler = Recorder()
    async with redis.bus(partitions=1, prefetch=2) as bus:
        for number in range(30):
            await bus.publish(redis.topic, letter("k", number))
        async with bus.subscribe(redis.topic, "g", handler):
            await until(lambda: len(handler.done) == 30, seconds=15)

    assert len(lost) == 3
    assert handler.ids() == [f"k-{number}" for number in range(30)]
    assert {message.attempt for message in handler.calls} == {1}


async def test_redis_is_not_held_up_by_entries_that_somebody_else_wrote(redis: Broker) -> None:
    stream = Keys(redis.options.name, redis.topic).stream(0)
    handler = Recorder()
    foreign: list[dict[bytes, bytes]] = [
        {b"key": b"k", b"headers": b"{", b"body": b"no JSON"},
        {b"id": b"\xff", b"headers": b"[1]", b"body": b"no object"},
        {b"headers": b'{"a": 1, "b": "two"}', b"body": b"no texts"},
        {b"unheard-of": b"1"},
    ]
    async with redis.bus(partitions=1) as bus, Redis.from_url(redis.url) as client:
        for fields in foreign:
            await client.xadd(stream, fields)  # type: ignore[arg-type]
        await bus.publish(redis.topic, letter("k", 0))
        async with bus.subscribe(redis.topic, "g", handler):
            await until(lambda: len(handler.done) == 5, seconds=15)

    found = {message.body: message.headers for message in handler.done}
    assert found == {
        b"no JSON": {},
        b"no object": {},
        b"no texts": {"b": "two"},
        b"": {},
        b"body 0": {},
    }


async def test_kafka_drops_what_every_group_handled_and_nothing_else(kafka: Broker) -> None:
    options = replace(kafka.options, partitions=1, retention_seconds=0.0)
    name = f"{options.name}.{kafka.topic}"
    part = TopicPartition(name, 0)
    quick, late = Recorder(), Recorder()
    async with KafkaBus(kafka.url, options) as bus:
        clients = bus._clients
        async with bus.subscribe(kafka.topic, "late", late):
            await eventually(lambda: clients.committed(f"{name}:late"))
        async with bus.subscribe(kafka.topic, "quick", quick):
            for number in range(20):
                await bus.publish(kafka.topic, letter("k", number))
            await until(lambda: len(quick.done) == 20)
        assert await _beginning_after_tidying(bus, kafka, quick) == {part: 0}
        async with bus.subscribe(kafka.topic, "late", late):
            await until(lambda: len(late.done) == 20)
        assert await _beginning_after_tidying(bus, kafka, quick) == {part: 20}


async def _beginning_after_tidying(
    bus: KafkaBus, broker: Broker, handler: Recorder
) -> dict[TopicPartition, int]:
    options = bus._options
    name = f"{options.name}.{broker.topic}"

    async def bury(*_: object) -> None:
        raise AssertionError

    work = Work(broker.topic, "quick", handler, 5, 1, bury, options)
    member = KafkaMember(bus._clients, work, name, f"{name}:quick")
    running = asyncio.create_task(member.run())
    await until(lambda: bool(member._parts))
    consumer = member._consumer
    assert consumer is not None
    await member.drop_handled(consumer)
    found = dict(await consumer.beginning_offsets(list(member._parts)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found


async def test_the_number_of_parts_is_that_of_the_first_to_use_a_topic(far: Broker) -> None:
    handler = Recorder()
    async with (
        far.bus(partitions=3) as first,
        far.bus(partitions=7) as second,
        second.subscribe(far.topic, "g", handler, concurrency=4),
    ):
        for number in range(40):
            await (first if number % 2 else second).publish(far.topic, letter(f"k{number}", number))
        await until(lambda: len(handler.done) == 40)

    assert len(set(handler.ids())) == 40
