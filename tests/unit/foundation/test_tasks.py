"""A cancellation that a library loses is raised all the same."""

import asyncio

import pytest

from hilum.foundation.tasks import cancellation_kept


async def _loses_a_cancellation(answer: "asyncio.Future[None]") -> None:
    """As `asyncio.wait_for` of Python 3.11 does for an answer that is there already."""
    try:
        await answer
    except asyncio.CancelledError:
        return


@pytest.mark.parametrize("fails", [False, True])
async def test_a_lost_cancellation_is_raised_whether_or_not_the_work_fails(fails: bool) -> None:
    async def work() -> None:
        with cancellation_kept():
            await _loses_a_cancellation(asyncio.get_running_loop().create_future())
            if fails:
                raise OSError

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_what_was_cancelled_before_may_clean_up() -> None:
    cleaned = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            with cancellation_kept():
                await asyncio.sleep(0)
            cleaned.append(True)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert (cleaned, task.cancelled()) == ([True], True)


async def test_without_a_cancellation_nothing_changes() -> None:
    with cancellation_kept():
        await asyncio.sleep(0)
    with pytest.raises(OSError, match="mine"), cancellation_kept():
        raise OSError("mine")


async def test_a_time_limit_around_it_stays_a_time_limit() -> None:
    async def work() -> None:
        async with asyncio.timeout(0.01):
            with cancellation_kept():
                await _loses_a_cancellation(asyncio.get_running_loop().create_future())

    with pytest.raises(TimeoutError):
        await work()
