"""Outages of sinks and of the database: waited for, told once, and over by themselves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from hilum.delivery.leasing import LeaseKeeper
from hilum.delivery.operating import Operating, SubscriptionFollowed
from hilum.delivery.options import Declared
from hilum.delivery.service import Delivery, DeliveryOptions, Engines
from hilum.domain.errors import ArchiveUnavailable, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.foundation.bell import Bell
from hilum.ports.delivery import Quiet
from hilum.ports.delivery_telemetry import NoDeliveryMeter
from tests.unit.delivery.world import (
    EVERYTHING,
    JumpingClock,
    ScriptedSink,
    World,
    locate,
    until,
    until_asked,
)

LONG = 1e9
"""Seconds: a lease that outlives a clock that jumps."""


@dataclass
class Switch:
    down: bool = False


@dataclass
class Failing:
    """Some of a world's database; nothing of it can be called while the switch is down."""

    of: object
    switch: Switch

    def __getattr__(self, name: str) -> object:
        found = getattr(self.of, name)
        if name in {"subscriptions", "watches", "letters"}:
            return Failing(found, self.switch)
        if self.switch.down:
            raise ArchiveUnavailable("The archive is not available.")
        return found


async def away(_events: Sequence[Event]) -> Sequence[Rejected]:
    raise SinkUnavailable("The broker at broker:9092 is away.")


def names(logs: Sequence[object], *wanted: str) -> list[str]:
    return [log["event"] for log in logs if log["event"] in wanted]  # type: ignore[index]


async def test_a_sink_that_is_away_at_the_start_is_waited_for_without_events(world: World) -> None:
    sink = ScriptedSink(refuses_to_open=True)

    with capture_logs() as logs:
        async with world.delivering(("all", sink, EVERYTHING)) as delivery:
            assert delivery.unavailable == {"all": True}
            await until(lambda: world.clock.seconds > 60)
            sink.refuses_to_open = False
            await until(lambda: not delivery.unavailable["all"])

            async def is_well() -> bool:
                found = await world.index.delivery.subscriptions.get("all")
                return found is not None and (found.attempts, found.last_error) == (0, None)

            await until_asked(is_well)
            await world.keep(1)
            await until(lambda: sink.sequences == [1])

    told = [log for log in logs if log["event"] in {"sink_unavailable", "sink_recovered"}]
    assert [log["event"] for log in told] == ["sink_unavailable", "sink_recovered"]
    assert (told[0]["subscription"], told[0]["sink"]) == ("all", "sink")
    assert told[0]["error"] == "The sink is not there."


async def test_a_demanded_sink_that_is_not_there_ends_the_start_and_leaves_nothing(
    world: World,
) -> None:
    good, bad = ScriptedSink(), ScriptedSink(refuses_to_open=True)

    with pytest.raises(SinkUnavailable, match=r"not there.*delivery\.demand_sinks"):
        async with world.delivering(
            ("good", good, EVERYTHING), ("bad", bad, EVERYTHING), demand_sinks=True
        ):
            pytest.fail("it should not start")

    assert not good.is_open
    assert await world.index.delivery.subscriptions.list() == []


async def test_sinks_are_reached_side_by_side_at_the_start(world: World) -> None:
    met = asyncio.Barrier(2)

    class Meeting(ScriptedSink):
        async def open(self) -> None:
            await met.wait()
            await super().open()

    one, two = Meeting(), Meeting()
    async with asyncio.timeout(10):
        async with world.delivering(("one", one, EVERYTHING), ("two", two, EVERYTHING)):
            assert (one.is_open, two.is_open) == (True, True)


async def test_nobody_waits_for_the_sink_of_a_paused_subscription(world: World) -> None:
    await world.keep(1)
    async with world.delivering(("all", ScriptedSink(away), EVERYTHING)) as delivery:
        await until(lambda: delivery.unavailable["all"])
        await Operating(world.index.delivery, nudged=delivery.nudged).pause("all")
        await until(lambda: not delivery.unavailable["all"])


async def test_the_end_does_not_wait_for_a_sink_that_never_was_there(world: World) -> None:
    sink = ScriptedSink(refuses_to_open=True)
    async with asyncio.timeout(4):
        async with world.delivering(("all", sink, EVERYTHING), drain_seconds=60):
            pass


async def test_a_subscription_that_is_removed_while_it_runs_is_told_of_once(world: World) -> None:
    sink = ScriptedSink()
    with capture_logs() as logs:
        async with world.delivering(("all", sink, EVERYTHING)) as delivery:
            assert await world.index.delivery.subscriptions.remove("all")
            await until(lambda: world.clock.seconds > 60)
            assert not delivery.unavailable["all"]

    assert names(logs, "subscription_removed") == ["subscription_removed"]


async def test_an_outage_of_the_database_is_told_once_for_each_follower(world: World) -> None:
    index, sink, switch = world.index, ScriptedSink(), Switch()
    store, feed = Failing(index.delivery, switch), Failing(index, switch)
    engines = Engines(feed, index, store, index.fed, locate)  # type: ignore[arg-type]
    delivery = Delivery(
        engines,
        [(Declared("all", "sink", EVERYTHING), sink)],
        DeliveryOptions(),
        holder="one",
        clock=world.clock,
        meter=NoDeliveryMeter(),
        wait=world.clock.wait,
    )
    with capture_logs() as logs:
        async with delivery:
            switch.down = True
            begun = world.clock.seconds
            await until(lambda: world.clock.seconds > begun + 60)
            switch.down = False
            await world.keep(1)
            await until(lambda: sink.sequences == [1])
            await until(lambda: len(names(logs, "delivery_goes_on")) == 2)

    for event in ("delivery_waits", "delivery_goes_on"):
        told = sorted(log["subscription"] for log in logs if log["event"] == event)
        assert told == ["all", "stable-studies"], event
    assert all(log["seconds"] > 50 for log in logs if log["event"] == "delivery_goes_on")


async def test_leases_that_cannot_be_renewed_are_told_of_once() -> None:
    class Leases:
        down = True

        async def hold(self, names: Sequence[str], _holder: str, _seconds: float) -> Sequence[str]:
            if self.down:
                raise ArchiveUnavailable("The archive is not available.")
            return names

    leases = Leases()
    keeper = LeaseKeeper(leases, ["all"], "one", JumpingClock(), Bell())  # type: ignore[arg-type]
    with capture_logs() as logs:
        for _ in range(5):
            await keeper.renew()
        leases.down = False
        await keeper.renew()
        await keeper.renew()

    wanted = ["leases_not_renewed", "leases_renewed"]
    assert names(logs, *wanted) == wanted


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "shared"])
async def test_what_a_server_follows_is_not_removed(world: World, *, alone: bool) -> None:
    sink, operating = ScriptedSink(), Operating(world.index.delivery)
    async with world.delivering(
        ("all", sink, EVERYTHING), stable=Quiet(), holder="here:7", lease_seconds=LONG, alone=alone
    ):
        for name in ("all", "stable-studies"):
            with pytest.raises(SubscriptionFollowed, match="here:7"):
                await operating.remove(name)
        await world.keep(1)
        await until(lambda: sink.sequences == [1])

    await operating.remove("all")


async def test_leases_that_only_show_what_is_followed_stop_nothing(world: World) -> None:
    await world.index.delivery.leases.hold(["all"], "a server that was killed", 3600)
    sink = ScriptedSink()
    await world.keep(1)

    async with world.delivering(("all", sink, EVERYTHING), lease_seconds=LONG, alone=True):
        await until(lambda: sink.sequences == [1])
