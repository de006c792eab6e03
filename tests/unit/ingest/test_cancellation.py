"""A sender that goes away at any moment leaves a whole instance or none."""

import asyncio

import pytest

from hilum.domain.instances import Disposition
from hilum.ingest.admission import Admission
from hilum.ingest.pipeline import IngestLimits
from tests.instances import an_instance
from tests.unit.ingest.houses import House, a_house, an_arrival


@pytest.mark.parametrize("turns", range(24))
async def test_a_caller_cancelled_after_any_number_of_turns_leaves_nothing_half_kept(
    turns: int,
) -> None:
    data = an_instance()
    async with a_house() as house:
        task = asyncio.create_task(house.ingest(an_arrival(data)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await house.ingest.drain()
        house.demand_tidy()

        again = await house.ingest(an_arrival(data))
        kept_before = again.disposition is Disposition.ALREADY_HELD
        assert kept_before or again.disposition is Disposition.CREATED
        assert len(house.index.entries) == 1


@pytest.mark.parametrize("gate", ["before_put", "after_put", "before_commit", "after_commit"])
async def test_a_caller_cancelled_at_a_gate_has_its_instance_kept_without_it(gate: str) -> None:
    async with a_house() as house:
        reached, go_on = _hold(house, gate)
        task = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await house.ingest.drain()

        assert len(house.index.rows) == 1
        house.demand_tidy()


async def test_a_caller_cancelled_while_it_waits_for_admission_leaves_its_place() -> None:
    async with a_house(IngestLimits(instances_in_flight=1)) as house:
        reached, go_on = _hold(house, "before_put")
        first = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await reached.wait()
        second = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        third = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await asyncio.sleep(0)
        second.cancel()
        go_on.set()

        assert (await first).disposition is Disposition.CREATED
        assert (await third).disposition is Disposition.CREATED
        assert second.cancelled()
        assert len(house.index.rows) == 2
        house.demand_tidy()


async def test_a_caller_cancelled_as_it_is_admitted_gives_its_place_back() -> None:
    async with a_house(IngestLimits(instances_in_flight=1)) as house:
        reached, go_on = _hold(house, "after_commit")
        first = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await reached.wait()
        second = asyncio.create_task(house.ingest(an_arrival(an_instance())))
        await asyncio.sleep(0)
        go_on.set()
        await first
        second.cancel()  # its place is free now and it has not run since
        await asyncio.wait([second])
        await house.ingest.drain()

        house.demand_tidy()
        assert (await house.ingest(an_arrival(an_instance()))).disposition is Disposition.CREATED


async def test_a_caller_cancelled_in_the_turn_in_which_a_place_comes_free_is_only_cancelled() -> (
    None
):
    admission = Admission(1, 100)
    await admission.enter(1)
    waiting = asyncio.create_task(admission.enter(1))
    await asyncio.sleep(0)

    waiting.cancel()
    admission.leave(1)
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert admission.instances == 0
    await asyncio.wait_for(admission.enter(1), 5)


def _hold(house: House, gate: str) -> tuple[asyncio.Event, asyncio.Event]:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    owner = house.index if "commit" in gate else house.objects
    setattr(owner, gate, hold)
    return reached, go_on
