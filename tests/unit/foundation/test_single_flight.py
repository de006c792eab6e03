"""Many ask, one makes; who goes away takes nothing from the others."""

import asyncio

import pytest

from hilum.foundation.single_flight import SingleFlight


class Work:
    """Work that ends when it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> str:
        self.begun += 1
        self.started.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "made"


async def test_those_who_ask_at_the_same_time_share_one_making() -> None:
    flight: SingleFlight[str] = SingleFlight()
    work = Work()
    asked = [asyncio.create_task(flight("key", work)) for _ in range(5)]
    await work.started.wait()

    work.may_end.set()

    assert await asyncio.gather(*asked) == ["made"] * 5
    assert work.begun == 1
    assert len(flight) == 0


async def test_another_key_is_made_beside_it() -> None:
    flight: SingleFlight[str] = SingleFlight()
    work = Work()
    work.may_end.set()

    await asyncio.gather(flight("one", work), flight("other", work))

    assert work.begun == 2


async def test_who_asks_after_the_end_gets_a_fresh_one() -> None:
    flight: SingleFlight[str] = SingleFlight()
    work = Work()
    work.may_end.set()

    await flight("key", work)
    await flight("key", work)

    assert work.begun == 2


async def test_the_first_who_asked_may_go_without_the_others_losing_it() -> None:
    flight: SingleFlight[str] = SingleFlight()
    work = Work()
    first = asyncio.create_task(flight("key", work))
    await work.started.wait()
    second = asyncio.create_task(flight("key", work))
    await asyncio.sleep(0)

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.may_end.set()

    assert await second == "made"
    assert (work.begun, work.cancelled) == (1, 0)


async def test_work_that_nobody_waits_for_is_cancelled_and_forgotten() -> None:
    flight: SingleFlight[str] = SingleFlight()
    work, later = Work(), Work()
    asked = [asyncio.create_task(flight("key", work)) for _ in range(2)]
    await work.started.wait()

    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    later.may_end.set()

    assert await flight("key", later) == "made"
    assert work.cancelled == 1


async def test_an_error_is_raised_to_all_and_not_remembered() -> None:
    flight: SingleFlight[str] = SingleFlight()

    async def fail() -> str:
        await asyncio.sleep(0)
        raise ValueError("no")

    asked = await asyncio.gather(*(flight("key", fail) for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in asked] == [ValueError] * 3
    assert len(flight) == 0
