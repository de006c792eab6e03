"""What holds while the engine itself is killed and comes back."""

import asyncio

import pytest

from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Bus, Message
from tests.contract.bus.brokers import Broker, Recorder, letter, until
from tests.engines import Own

pytestmark = pytest.mark.slow


async def published(bus: Bus, topic: str, message: Message) -> None:
    """Publish as a role does: until it is durable."""
    while True:
        try:
            await bus.publish(topic, message)
        except BusUnavailable:
            await asyncio.sleep(0.1)
        else:
            return


async def test_an_outage_costs_nothing_but_delay(engine: tuple[Own, Broker]) -> None:
    server, broker = engine

    async def take_time(_message: Message) -> None:
        await asyncio.sleep(0.005)

    handler = Recorder(take_time)
    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler, concurrency=4):
        for number in range(50):
            await bus.publish(broker.topic, letter(f"k{number % 5}", number))
        await until(lambda: len(handler.done) > 20)
        for outage in (1, 2):
            server.kill()
            with pytest.raises(BusUnavailable) as told:
                await bus.publish(broker.topic, letter("lost", 0))
            assert "bus.url" in str(told.value)
            with pytest.raises(BusUnavailable):
                await bus()
            await asyncio.sleep(1.0)
            server.start()
            for number in range(outage * 50, outage * 50 + 50):
                await published(bus, broker.topic, letter(f"k{number % 5}", number))
        await until(lambda: len({m for m in handler.ids() if m[0] == "k"}) == 150, seconds=60)
        assert (await bus()).endswith("answers.")

    for key in range(5):
        first_times = list(dict.fromkeys(handler.of(f"k{key}")))
        assert first_times == [f"k{key}-{number}" for number in range(key, 150, 5)]


async def test_a_subscription_that_begins_during_an_outage_works_after_it(
    engine: tuple[Own, Broker],
) -> None:
    server, broker = engine
    handler = Recorder()
    async with broker.bus() as bus:
        await bus.publish(broker.topic, letter("k", 0))
        server.kill()
        async with bus.subscribe(broker.topic, "g", handler):
            server.start()
            await published(bus, broker.topic, letter("k", 1))
            await until(lambda: len(handler.done) >= 2, seconds=60)

    assert list(dict.fromkeys(handler.ids())) == ["k-0", "k-1"]


async def test_a_handler_that_runs_through_an_outage_is_not_called_for_nothing(
    engine: tuple[Own, Broker],
) -> None:
    """Whether its message is acknowledged or comes again: the next one follows."""
    server, broker = engine
    going_on = asyncio.Event()

    async def wait_for_it(message: Message) -> None:
        if message.message_id == "k-0" and message.attempt == 1:
            await going_on.wait()

    handler = Recorder(wait_for_it)
    async with broker.bus() as bus, bus.subscribe(broker.topic, "g", handler):
        await bus.publish(broker.topic, letter("k", 0))
        await bus.publish(broker.topic, letter("k", 1))
        await until(lambda: len(handler.calls) == 1)
        server.restart()
        going_on.set()
        await until(lambda: "k-1" in handler.ids(), seconds=60)

    assert list(dict.fromkeys(handler.ids())) == ["k-0", "k-1"]
