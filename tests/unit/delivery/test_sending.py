"""How long a sink is left alone, and what happens to a send whose lease ends."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from hilum.delivery.options import Declared, RelayOptions
from hilum.delivery.place import TurnEnded
from hilum.delivery.sending import Sending
from hilum.delivery.service import Delivery, DeliveryOptions, Engines
from hilum.delivery.surroundings import Surroundings
from hilum.domain.errors import ArchiveUnavailable, SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.foundation.bell import Bell
from hilum.ports.delivery_telemetry import NoDeliveryMeter
from tests.unit.delivery.world import (
    EVERYTHING,
    START,
    ScriptedSink,
    WallClock,
    World,
    locate,
    until,
)

EVENT = Event("id-1", "hilum.instance.created.v1", "1.2", 1, START, "corr", b"{}")


@dataclass
class HangingSink(ScriptedSink):
    """Takes `seconds` for each send."""

    seconds: float = 3600.0
    cut_short: int = 0

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cut_short += 1
            raise
        return await super().send(events)


@dataclass
class LostLeases:
    """Gives leases once; then the database is away."""

    asked: int = 0

    async def hold(self, names: Sequence[str], _holder: str, _seconds: float) -> Sequence[str]:
        self.asked += 1
        if self.asked > 1:
            raise ArchiveUnavailable("The archive is not available.")
        return names

    async def release(self, _holder: str) -> None: ...

    async def holder(self, _name: str) -> str | None:
        return None


@dataclass
class StoreWithLeases:
    world: World
    leases: LostLeases = field(default_factory=LostLeases)

    def __getattr__(self, name: str) -> object:
        return getattr(self.world.index.delivery, name)


def surroundings(world: World, lease_left: Callable[[], float]) -> Surroundings:
    return Surroundings(
        feed=world.index,
        store=world.index.delivery,
        fed=Bell(),
        nudged=Bell(),
        clock=WallClock(),
        meter=NoDeliveryMeter(),
        lease_left=lambda _name: lease_left(),
    )


async def our_turn() -> bool:
    return False


@pytest.mark.parametrize(
    ("asked_for", "waited"),
    [(7.0, 7.0), (4000.0, 30.0), (0.0, 0.2)],
    ids=["asked", "most", "least"],
)
async def test_a_sink_is_left_alone_for_as_long_as_it_asks_within_our_bounds(
    world: World, asked_for: float, waited: float
) -> None:
    times: list[float] = []

    async def busy(_events: Sequence[Event]) -> Sequence[Rejected]:
        times.append(world.clock.seconds)
        if len(times) <= 5:
            raise SinkUnavailable("Ask me later.", asked_for)
        return []

    sink = ScriptedSink(busy)
    await world.keep(1)

    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: sink.sequences == [1])

    pauses = [after - before for before, after in pairwise(times[:6])]
    assert pauses == pytest.approx([waited] * 5)


async def test_a_send_that_outlives_the_lease_is_cut_short(world: World) -> None:
    sink = HangingSink()
    end = time.monotonic() + 0.05
    around = surroundings(world, lambda: max(0.0, end - time.monotonic()))
    sending = Sending("all", sink, RelayOptions(), around)

    with pytest.raises(TurnEnded):
        await sending.send([EVENT], our_turn)

    assert (sink.cut_short, sink.told) == (1, [])


async def test_a_send_goes_on_while_the_lease_is_renewed(world: World) -> None:
    sink = HangingSink(seconds=0.2)
    sending = Sending("all", sink, RelayOptions(), surroundings(world, lambda: 0.02))

    assert await sending.send([EVENT], our_turn) == []

    assert (sink.cut_short, sink.told) == (0, [EVENT])


async def test_who_loses_the_lease_lets_go_of_the_sink_and_another_tells_it(world: World) -> None:
    slow, quick = HangingSink(), ScriptedSink()
    world.clock = WallClock()
    await world.keep(1)
    index = world.index
    engines = Engines(index, index, StoreWithLeases(world), index.fed, locate)  # type: ignore[arg-type]
    delivery = Delivery(
        engines,
        [(Declared("all", "sink", EVERYTHING), slow)],
        DeliveryOptions(stable=None, lease_seconds=0.3),
        holder="one",
        clock=world.clock,
        meter=NoDeliveryMeter(),
    )

    async with delivery:
        await until(lambda: slow.cut_short == 1)
        await until(lambda: not slow.is_open)
        async with world.delivering(("all", quick, EVERYTHING), holder="two", lease_seconds=3.0):
            await until(lambda: quick.sequences == [1])

    assert slow.told == []
