"""What every engine promises about handing messages over."""

import asyncio
import random

import pytest

from hilum.bootstrap.bus import OpenBus
from hilum.domain.errors import BusUnavailable, InvalidRequest, LimitExceeded
from hilum.foundation.correlation import CORRELATION_ID
from hilum.ports.bus import Message
from tests.contract.bus.brokers import Broker, Recorder, letter, until


async def test_a_message_arrives_as_it_was_published(broker: Broker) -> None:
    sent = Message("m-1", "Schlüssel", b"\x00\xff body", {"correlation_id": "c-1", "kind": "é"})
    handler = Recorder()

    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler):
        await bus.publish(broker.topic, sent)
        await until(lambda: len(handler.done) == 1)

    assert handler.done == [sent]


async def test_every_group_gets_every_message_once(broker: Broker) -> None:
    first, second = Recorder(), Recorder()
    sent = [letter(f"k{number % 7}", number) for number in range(50)]

    async with (
        broker.bus() as bus,
        bus.subscribe(broker.topic, "first", first, concurrency=4),
        bus.subscribe(broker.topic, "second", second, concurrency=4),
    ):
        for message in sent:
            await bus.publish(broker.topic, message)
        await until(lambda: len(first.done) >= 50 and len(second.done) >= 50)
        await asyncio.sleep(0.2)

    assert sorted(first.ids()) == sorted(message.message_id for message in sent)
    assert sorted(second.ids()) == sorted(message.message_id for message in sent)
    assert {message.attempt for message in first.done + second.done} == {1}


async def test_a_key_keeps_its_order_whatever_goes_on_beside_it(broker: Broker) -> None:
    running: set[str] = set()
    overlaps: list[str] = []
    chance = random.Random(7)

    async def now_and_then_fail(message: Message) -> None:
        if message.key in running:
            overlaps.append(message.key)
        running.add(message.key)
        try:
            await asyncio.sleep(chance.random() / 100)
            if message.attempt == 1 and chance.random() < 0.1:
                raise ValueError
        finally:
            running.discard(message.key)

    handler = Recorder(now_and_then_fail)
    async with (
        broker.bus() as bus,
        bus.subscribe(broker.topic, "g", handler, concurrency=8, attempts=9),
    ):
        for number in range(120):
            await bus.publish(broker.topic, letter(f"k{number % 6}", number))
        await until(lambda: len(handler.done) >= 120)

    assert overlaps == []
    for key in range(6):
        assert handler.of(f"k{key}") == [f"k{key}-{number}" for number in range(key, 120, 6)]


async def test_several_keys_are_handled_at_once_and_no_more(broker: Broker) -> None:
    running = 0
    most = 0

    async def count(_message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.1)
        running -= 1

    handler = Recorder(count)
    async with broker.bus() as bus:
        for number in range(24):
            await bus.publish(broker.topic, letter(f"k{number}", number))
        async with bus.subscribe(broker.topic, "g", handler, concurrency=3):
            await until(lambda: len(handler.done) == 24)

    assert most == 3


async def test_a_failed_message_comes_again_before_those_behind_it(broker: Broker) -> None:
    async def fail_twice(message: Message) -> None:
        if message.message_id == "k-1" and message.attempt < 3:
            raise RuntimeError

    handler = Recorder(fail_twice)
    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler):
        for number in range(3):
            await bus.publish(broker.topic, letter("k", number))
        await until(lambda: len(handler.done) == 3)

    attempts = [(message.message_id, message.attempt) for message in handler.calls]
    assert attempts == [("k-0", 1), ("k-1", 1), ("k-1", 2), ("k-1", 3), ("k-2", 1)]


async def test_a_poison_message_goes_to_the_dead_and_the_ones_behind_it_go_on(
    broker: Broker,
) -> None:
    async def refuse_one(message: Message) -> None:
        if message.message_id == "k-1":
            raise BusUnavailable("something that the handler needs")

    handler, undertaker = Recorder(refuse_one), Recorder()
    async with (
        broker.bus() as bus,
        bus.subscribe(broker.topic, "g", handler, attempts=3),
        bus.subscribe(f"{broker.topic}.dead", "undertaker", undertaker),
    ):
        for number in range(3):
            await bus.publish(broker.topic, letter("k", number, correlation_id="c-9"))
        await until(lambda: len(handler.done) == 2 and len(undertaker.done) == 1)

    assert handler.ids() == ["k-0", "k-2"]
    assert [m.attempt for m in handler.calls if m.message_id == "k-1"] == [1, 2, 3]
    dead = undertaker.done[0]
    assert (dead.message_id, dead.key, dead.body) == ("k-1", "k", b"body 1")
    assert dead.headers == {
        "cause": BusUnavailable.code,
        "attempts": "3",
        "group": "g",
        "correlation_id": "c-9",
    }


async def test_other_keys_go_on_while_one_rests_between_its_attempts(broker: Broker) -> None:
    async def refuse_one(message: Message) -> None:
        if message.key == "sick":
            raise ValueError

    handler = Recorder(refuse_one)
    async with broker.bus(retry_seconds=60.0, maximum_retry_seconds=60.0) as bus:
        await bus.publish(broker.topic, letter("sick", 0))
        async with bus.subscribe(broker.topic, "g", handler):
            await until(lambda: len(handler.calls) == 1)
            for number in range(40):  # every part has some, that of the sick one too
                await bus.publish(broker.topic, letter(f"k{number % 10}", number))
            await until(lambda: len(handler.done) == 40, seconds=30)


async def test_what_was_published_before_the_first_subscription_is_not_lost(
    broker: Broker,
) -> None:
    handler = Recorder()
    async with broker.bus() as bus:
        for number in range(20):
            await bus.publish(broker.topic, letter(f"k{number % 2}", number))
        async with bus.subscribe(broker.topic, "g", handler):
            for number in range(20, 40):
                await bus.publish(broker.topic, letter(f"k{number % 2}", number))
            await until(lambda: len(handler.done) == 40)

    assert handler.of("k0") == [f"k0-{number}" for number in range(0, 40, 2)]
    assert handler.of("k1") == [f"k1-{number}" for number in range(1, 40, 2)]


async def test_a_group_without_members_misses_nothing(broker: Broker) -> None:
    before, after = Recorder(), Recorder()
    async with broker.bus() as bus:
        async with bus.subscribe(broker.topic, "g", before):
            await bus.publish(broker.topic, letter("k", 0))
            await until(lambda: len(before.done) == 1)
        await bus.publish(broker.topic, letter("k", 1))
        async with bus.subscribe(broker.topic, "g", after):
            await until(lambda: len(after.done) == 1)

    assert (before.ids(), after.ids()) == (["k-0"], ["k-1"])


async def test_leaving_finishes_the_handler_that_runs(broker: Broker) -> None:
    async def take_time(_message: Message) -> None:
        await asyncio.sleep(0.5)

    slow, heir = Recorder(take_time), Recorder()
    async with broker.bus() as bus:
        async with bus.subscribe(broker.topic, "g", slow):
            for number in range(3):
                await bus.publish(broker.topic, letter("k", number))
            await until(lambda: len(slow.calls) == 1)
        assert slow.ids() == ["k-0"]
        async with bus.subscribe(broker.topic, "g", heir):
            await until(lambda: len(heir.done) == 2)

    assert heir.ids() == ["k-1", "k-2"]
    assert [message.attempt for message in heir.calls] == [1, 1]


async def test_leaving_begins_nothing_that_waited_for_its_turn(broker: Broker) -> None:
    async def take_time(_message: Message) -> None:
        await asyncio.sleep(0.2)

    handler = Recorder(take_time)
    async with broker.bus() as bus:
        for number in range(24):
            await bus.publish(broker.topic, letter(f"k{number % 6}", number))
        async with bus.subscribe(broker.topic, "g", handler, concurrency=2):
            # Each key has been handled once by then, and the next of each waits.
            await until(lambda: len(handler.done) >= 8)
            begun = len(handler.calls)

    # Of the keys that had their turn some may have been on the way to the handler; no others.
    assert len(handler.calls) <= begun + 2
    assert len(handler.done) == len(handler.calls)


async def test_a_handler_that_does_not_end_is_cut_off_and_its_message_comes_again(
    broker: Broker,
) -> None:
    async def hang(_message: Message) -> None:
        await asyncio.Event().wait()

    stuck, heir = Recorder(hang), Recorder()
    async with broker.bus(finish_seconds=0.2) as bus:
        await bus.publish(broker.topic, letter("k", 0))
        await bus.publish(broker.topic, letter("k", 1))
        async with bus.subscribe(broker.topic, "g", stuck):
            await until(lambda: len(stuck.calls) == 1)
        async with bus.subscribe(broker.topic, "g", heir):
            await until(lambda: len(heir.done) == 2)

    assert stuck.done == []
    assert [(m.message_id, m.attempt) for m in heir.calls] == [("k-0", 2), ("k-1", 1)]


async def test_members_of_a_group_share_its_messages(broker: Broker) -> None:
    async def take_time(_message: Message) -> None:
        await asyncio.sleep(0.03)  # more than one member can do at the rate of the publisher

    one, other = Recorder(take_time), Recorder(take_time)
    async with (
        broker.bus() as bus,
        broker.bus() as elsewhere,
        bus.subscribe(broker.topic, "g", one),
        (bus if broker.engine == "memory" else elsewhere).subscribe(broker.topic, "g", other),
    ):
        sent = 0
        while not (one.done and other.done):
            await bus.publish(broker.topic, letter(f"k{sent % 50}", sent))
            sent += 1
            await asyncio.sleep(0.01)
            assert sent < 3000
        await until(lambda: len({*one.ids(), *other.ids()}) == sent)


async def test_the_correlation_id_follows_a_message(broker: Broker) -> None:
    seen: list[str] = []

    async def note(_message: Message) -> None:
        seen.append(CORRELATION_ID.get())

    handler = Recorder(note)
    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler):
        token = CORRELATION_ID.set("c-77")
        await bus.publish(broker.topic, letter("k", 0))
        CORRELATION_ID.reset(token)
        await bus.publish(broker.topic, letter("k", 1, correlation_id="c-88"))
        await until(lambda: len(handler.done) == 2)

    assert seen == ["c-77", "c-88"]
    assert handler.done[0].headers == {"correlation_id": "c-77"}


async def test_a_message_that_is_too_large_is_refused(broker: Broker) -> None:
    handler = Recorder()
    async with broker.bus(message_bytes=1000) as bus, bus.subscribe(broker.topic, "g", handler):
        with pytest.raises(LimitExceeded, match=r"bus\.message_bytes"):
            await bus.publish(broker.topic, Message("m", "k", bytes(1001)))
        await bus.publish(broker.topic, Message("n", "k", bytes(990)))
        await until(lambda: len(handler.done) == 1)

    assert handler.ids() == ["n"]


async def test_the_largest_message_that_is_allowed_goes_through(broker: Broker) -> None:
    handler = Recorder()
    largest = Message("m", "k", bytes(broker.options.message_bytes - 1))
    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler):
        await bus.publish(broker.topic, largest)
        await until(lambda: len(handler.done) == 1)

    assert handler.done == [largest]


async def _publish_all(bus: OpenBus, topic: str, numbers: range) -> None:
    for number in numbers:
        await bus.publish(topic, letter("k", number))


# Of Kafka the disk is the bound, as documented.
@pytest.mark.parametrize("broker", ["memory", "redis", "rabbitmq"], indirect=True)
async def test_a_backlog_is_bounded(broker: Broker) -> None:
    handler = Recorder()
    async with broker.bus(backlog_messages=10, partitions=1) as bus:
        for number in range(10):
            await bus.publish(broker.topic, letter("k", number))
        publish_more = _publish_all(bus, broker.topic, range(10, 40))
        with pytest.raises(BusUnavailable, match=r"bus\.backlog_messages"):
            await publish_more  # RabbitMQ may let a few of them through
        async with bus.subscribe(broker.topic, "g", handler):
            await until(lambda: len(handler.done) >= 10)
            await bus.publish(broker.topic, letter("k", 100))
            await until(lambda: "k-100" in handler.ids())

    assert handler.ids()[:10] == [f"k-{number}" for number in range(10)]


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 101, "ü"])
async def test_names_that_no_engine_can_spell_are_refused(broker: Broker, name: str) -> None:
    async with broker.bus() as bus:
        with pytest.raises(InvalidRequest):
            await bus.publish(name, letter("k", 0))
        with pytest.raises(InvalidRequest):
            bus.subscribe(broker.topic, name, Recorder())


async def test_the_bus_tells_whether_it_works(broker: Broker) -> None:
    async with broker.bus() as bus:
        assert bus.name == "bus"
        assert (await bus()).endswith(".")
