"""After a crash nothing is left that no row refers to."""

import pytest

from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.instances import InMemory
from hilum.ingest.recovery import Recovered, recover
from tests.contract.storage.keys import a_key
from tests.instances import an_instance
from tests.unit.ingest.houses import House, a_house, an_arrival


async def _crashed(house: House) -> None:
    """One instance kept whose note was not ended, and one that was only written."""
    await house.ingest(an_arrival(an_instance()))
    (kept,) = house.objects.held
    house.intents.begin(kept)
    house.intents.begin(a_key(7))
    await house.objects.put_once(a_key(7), InMemory(b"half kept"))
    house.intents.begin(a_key(8))  # not even written
    house.intents.crash()


async def test_unfinished_writes_are_settled_by_what_the_index_knows() -> None:
    async with a_house() as house:
        await _crashed(house)

        assert await recover(house.intents, house.index, house.objects) == Recovered(1, 2)

        house.demand_tidy()
        assert house.intents.unfinished() == []


@pytest.mark.parametrize("broken", ["index", "objects"])
async def test_a_recovery_that_fails_can_be_run_again(broken: str) -> None:
    async with a_house() as house:
        await _crashed(house)
        engine = house.index if broken == "index" else house.objects
        engine.fault = ArchiveUnavailable("down")
        with pytest.raises(ArchiveUnavailable):
            await recover(house.intents, house.index, house.objects)
        assert house.intents.unfinished()

        engine.fault = None
        await recover(house.intents, house.index, house.objects)
        house.demand_tidy()


async def test_many_unfinished_writes_are_settled_in_pages() -> None:
    async with a_house() as house:
        for number in range(1203):
            house.intents.begin(a_key(number))
            await house.objects.put_once(a_key(number), InMemory(b""))
        house.intents.crash()

        assert await recover(house.intents, house.index, house.objects) == Recovered(0, 1203)
        assert house.objects.held == {}
