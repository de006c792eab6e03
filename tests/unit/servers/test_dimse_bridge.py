import asyncio

import pytest

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable, ShuttingDown
from hilum.servers.dimse_bridge import LoopBridge


async def answer(value: int) -> int:
    return value


async def refuse() -> int:
    raise ArchiveFull("No space.")


async def test_a_thread_gets_the_result_of_the_loop() -> None:
    bridge = LoopBridge(asyncio.get_running_loop())

    assert await asyncio.to_thread(bridge.call, answer(7), 5) == 7


async def test_a_thread_gets_the_error_of_the_loop() -> None:
    bridge = LoopBridge(asyncio.get_running_loop())

    with pytest.raises(ArchiveFull):
        await asyncio.to_thread(bridge.call, refuse(), 5)


async def test_work_that_takes_too_long_is_cancelled_and_told() -> None:
    bridge = LoopBridge(asyncio.get_running_loop())
    cancelled = asyncio.Event()

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(ArchiveUnavailable, match=r"0\.05 seconds"):
        await asyncio.to_thread(bridge.call, never(), 0.05)
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_time_out_of_the_work_itself_stays_one() -> None:
    bridge = LoopBridge(asyncio.get_running_loop())

    async def times_out() -> None:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        await asyncio.to_thread(bridge.call, times_out(), 5)


def test_a_closed_loop_is_a_shutdown() -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    with pytest.raises(ShuttingDown):
        LoopBridge(loop).call(answer(7), 5)


async def test_cancelled_work_is_a_shutdown() -> None:
    bridge = LoopBridge(asyncio.get_running_loop())

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ShuttingDown):
        await asyncio.to_thread(bridge.call, cancels_itself(), 5)
