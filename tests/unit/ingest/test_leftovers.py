"""What an outage left behind goes when it is over, without a restart."""

import asyncio

import pytest
from structlog.testing import capture_logs

from hilum.domain.errors import ArchiveUnavailable
from hilum.domain.instances import Disposition, InMemory
from hilum.ingest.leftovers import Leftovers
from hilum.ingest.pipeline import IngestLimits
from tests.contract.storage.keys import a_key
from tests.instances import an_instance
from tests.unit.ingest.houses import House, a_house, an_arrival


class _Pauses:
    """Pauses that end when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        assert seconds > 0
        self.begun.set()
        await self._over.wait()
        self._over.clear()

    async def next(self) -> None:
        """End the pause and return when the next one begins."""
        self.end()
        await self.begun.wait()

    def end(self) -> None:
        self.begun.clear()
        self._over.set()


async def _left(house: House, number: int) -> None:
    key = a_key(number)
    house.intents.begin(key)
    await house.objects.put_once(key, InMemory(b"half kept"))


@pytest.mark.parametrize("broken", ["index", "objects"])
async def test_leftovers_are_settled_as_soon_as_both_engines_answer(broken: str) -> None:
    pauses = _Pauses()
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))
        (kept,) = house.objects.held
        leftovers = Leftovers(house.intents, house.index, house.objects, pause=pauses)
        for number in range(205):
            await _left(house, number)
            leftovers.add(a_key(number))
        house.intents.begin(kept)
        leftovers.add(kept)  # only the answer of its commit was lost
        engine = house.index if broken == "index" else house.objects
        engine.fault = ArchiveUnavailable("down")
        await pauses.begun.wait()

        await pauses.next()
        assert len(house.intents.open) == 206

        engine.fault = None
        with capture_logs() as logs:
            pauses.end()
            async with asyncio.timeout(10):
                while not logs:  # noqa: ASYNC110 - nothing else tells
                    await asyncio.sleep(0)
        assert [(log["event"], log["objects"]) for log in logs] == [("objects_left_settled", 206)]
        assert list(house.objects.held) == [kept]
        house.demand_tidy()

        await _left(house, 300)
        leftovers.add(a_key(300))
        await pauses.begun.wait()
        await leftovers.close()
        house.demand_tidy()


async def test_leftovers_stay_noted_when_the_process_ends_within_the_outage() -> None:
    async with a_house() as house:
        leftovers = Leftovers(house.intents, house.index, house.objects)
        await _left(house, 1)
        house.objects.fault = ArchiveUnavailable("down")
        leftovers.add(a_key(1))

        await leftovers.close()

        assert house.intents.open == {a_key(1)}


async def test_the_end_of_a_server_is_not_held_up_by_an_engine_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hilum.ingest.leftovers._LAST_SECONDS", 0.05)
    async with a_house() as house:
        await _left(house, 1)
        leftovers = Leftovers(house.intents, house.index, house.objects)
        leftovers.add(a_key(1))

        async def hang(_keys: object) -> frozenset[object]:
            await asyncio.Event().wait()
            return frozenset()

        monkeypatch.setattr(house.index, "referenced", hang)
        async with asyncio.timeout(5):
            await leftovers.close()

        assert house.intents.open == {a_key(1)}


async def test_an_outage_that_lasts_is_bounded_and_heals_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hilum.ingest.leftovers._PAUSE_SECONDS", 0.0)
    async with a_house(IngestLimits(unsettled_objects=3)) as house:
        await house.ingest(an_arrival(an_instance()))
        house.index.fault = ArchiveUnavailable("down")
        outcomes = [await house.ingest(an_arrival(an_instance())) for _ in range(6)]

        assert {outcome.disposition for outcome in outcomes} == {Disposition.FAILED}
        assert len(house.intents.open) == 3
        assert isinstance(outcomes[-1].error, ArchiveUnavailable)
        assert "ingest.unsettled_objects" in str(outcomes[-1].error)

        house.index.fault = None
        async with asyncio.timeout(10):
            while house.intents.open:  # noqa: ASYNC110 - nothing else tells
                await asyncio.sleep(0)
        outcome = await house.ingest(an_arrival(an_instance()))
        assert outcome.disposition is Disposition.CREATED
        house.demand_tidy()


async def test_a_pipeline_leaves_nothing_of_an_outage_that_is_over() -> None:
    async with a_house() as house:
        await house.ingest(an_arrival(an_instance()))
        house.index.fault = ArchiveUnavailable("down")
        outcome = await house.ingest(an_arrival(an_instance()))
        assert outcome.disposition is Disposition.FAILED
        assert len(house.intents.open) == 1
        house.index.fault = None

    house.demand_tidy()
