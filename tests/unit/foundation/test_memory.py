"""The budget of memory that requests share."""

import asyncio

import pytest

from hilum.foundation.memory import MemoryBudget


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_the_budget_is_taken_without_waiting() -> None:
    budget = MemoryBudget(10)

    assert [budget.try_reserve(size) for size in (6, 5, 4, 1)] == [True, False, True, False]
    budget.release(4)
    assert budget.held_bytes == 6
    assert budget.try_reserve(4)


async def test_who_waits_is_served_in_order_and_before_those_who_only_try() -> None:
    budget = MemoryBudget(10)
    await budget.reserve(8)
    served: list[int] = []

    async def wait(size: int) -> None:
        await budget.reserve(size)
        served.append(size)

    tasks = [asyncio.create_task(wait(size)) for size in (5, 1)]
    await turn()
    assert not budget.try_reserve(1)
    assert served == []
    budget.release(8)
    await asyncio.gather(*tasks)

    assert served == [5, 1]
    assert budget.held_bytes == 6


async def test_more_than_the_whole_budget_goes_alone() -> None:
    budget = MemoryBudget(10)
    await budget.reserve(1)
    large = asyncio.create_task(budget.reserve(100))
    await turn()
    assert not large.done()

    budget.release(1)
    await large

    assert budget.held_bytes == 100


async def test_who_stops_waiting_holds_nothing_and_holds_up_nobody() -> None:
    budget = MemoryBudget(10)
    await budget.reserve(8)
    large = asyncio.create_task(budget.reserve(9))
    small = asyncio.create_task(budget.reserve(2))
    await turn()

    large.cancel()
    await small

    assert budget.held_bytes == 10
    late = asyncio.create_task(budget.reserve(3))
    await turn()
    budget.release(10)
    late.cancel()  # served in the same turn in which it gives up
    await asyncio.gather(large, late, return_exceptions=True)
    assert budget.held_bytes == 0


async def test_who_stops_waiting_in_the_turn_of_a_release_ends_as_cancelled() -> None:
    budget = MemoryBudget(10)
    await budget.reserve(8)
    late = asyncio.create_task(budget.reserve(3))
    await turn()

    late.cancel()
    budget.release(8)
    with pytest.raises(asyncio.CancelledError):
        await late

    assert budget.held_bytes == 0
