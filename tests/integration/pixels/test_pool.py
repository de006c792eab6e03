"""The pool of pixel workers, with real processes that crash, hang and eat memory."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from hilum.adapters.pixels.outcomes import PixelOptions
from hilum.adapters.pixels.pool import PixelPool
from hilum.domain.errors import (
    NotTranscodable,
    PixelEngineBusy,
    PixelLimitExceeded,
    PixelsNotDecodable,
    ShuttingDown,
)
from hilum.domain.images import EncodedFrame
from hilum.ports.pixel_telemetry import PixelOutcome
from hilum.ports.pixels import PixelEngine
from tests.unit.imaging.oracle import (
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LS,
    LITTLE,
    ROOM,
    frames_of,
    images,
)
from tests.unit.imaging.test_round_trips import described, native

_ROOT = Path(__file__).parents[3]
_BAD = "tests.integration.pixels.bad_worker"


class Counted:
    """A `PixelMeter` that can be asked."""

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, PixelOutcome]] = Counter()
        self.waited = 0

    def task(self, kind: str, outcome: PixelOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes[kind, outcome] += 1

    def waiting(self, tasks: int) -> None:
        self.waited = max(self.waited, tasks)


def limits(**changed: Any) -> PixelOptions:
    plain = {
        "workers": 1,
        "memory_bytes": 1 << 28,
        "task_seconds": 20,
        "queue": 8,
        "maximum_frame_bytes": ROOM,
        "lossy": False,
    }
    return PixelOptions(**{**plain, **changed})


@asynccontextmanager
async def bad_pool(**changed: Any) -> AsyncIterator[tuple[PixelPool, Counted]]:
    counted = Counted()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_ROOT))
        async with PixelPool(limits(**changed), counted, _BAD) as pool:
            yield pool, counted


async def test_frames_are_transcoded() -> None:
    counted = Counted()
    frame, values = native(described(), seed=1)
    async with PixelPool(limits(), counted) as pool:
        engine: PixelEngine = pool

        there = await engine.transcode(frame, JPEG_LS)
        back = await engine.transcode(EncodedFrame(there.pixels, there.data), LITTLE)

    assert back.data == values.tobytes()
    assert back.pixels == frame.pixels
    assert counted.outcomes == {("transcode", PixelOutcome.DONE): 2}


async def test_errors_come_back_as_what_they_are() -> None:
    frame, _ = native(described(), seed=1)
    short = EncodedFrame(frame.pixels, frame.data[:-1])
    wide, _ = native(described(bits_allocated=32, bits_stored=32, high_bit=31), seed=1)
    async with PixelPool(limits(), Counted()) as pool:
        with pytest.raises(PixelsNotDecodable, match="not of the length"):
            await pool.transcode(short, JPEG_LS)
        with pytest.raises(NotTranscodable, match="32 bits"):
            await pool.transcode(wide, JPEG_LS)
        with pytest.raises(NotTranscodable, match=r"pixels\.lossy"):
            await pool.transcode(frame, JPEG_BASELINE)


async def test_a_frame_over_the_limit_starts_no_worker() -> None:
    frame, _ = native(described(), seed=1)
    async with PixelPool(limits(maximum_frame_bytes=700), Counted()) as pool:
        with pytest.raises(PixelLimitExceeded, match=r"pixels\.maximum_frame_bytes"):
            await pool.transcode(frame, JPEG_LS)

        assert not pool._idle


async def test_a_crash_fails_its_task_only_and_the_worker_is_replaced() -> None:
    async with bad_pool(workers=2) as (pool, counted):
        with capture_logs() as logs:
            fates = await asyncio.gather(
                pool.do("sleep", (1.0,)),
                pool.do("crash", ()),
                pool.do("echo", (b"still here",)),
                return_exceptions=True,
            )

    assert fates[0].facts == {"slept": 1.0}  # type: ignore[union-attr]
    assert isinstance(fates[1], PixelsNotDecodable)
    assert fates[2].data == b"still here"  # type: ignore[union-attr]
    assert counted.outcomes["crash", PixelOutcome.CRASHED] == 1
    ended = [log for log in logs if log["event"] == "pixel_worker_ended"]
    assert ended[0]["exit_code"] == -signal.SIGSEGV


async def test_a_worker_that_died_idle_costs_no_task() -> None:
    async with bad_pool() as (pool, _):
        first = await pool.do("echo", (b"",))
        os.kill(first.facts["process"], signal.SIGKILL)
        await asyncio.to_thread(pool._idle[0].process.wait)

        second = await pool.do("echo", (b"again",))

    assert second.data == b"again"
    assert second.facts["process"] != first.facts["process"]


async def test_a_task_over_its_time_is_killed() -> None:
    async with bad_pool(task_seconds=1) as (pool, counted):
        with pytest.raises(PixelLimitExceeded, match=r"pixels\.task_seconds"):
            await pool.do("sleep", (60,))

        assert (await pool.do("echo", (b"next",))).data == b"next"
    assert counted.outcomes["sleep", PixelOutcome.TOO_SLOW] == 1


async def test_a_task_over_its_memory_is_refused_and_the_worker_lives() -> None:
    async with bad_pool(memory_bytes=1 << 26) as (pool, counted):
        before = await pool.do("echo", (b"",))
        with pytest.raises(PixelLimitExceeded, match=r"pixels\.memory_bytes"):
            await pool.do("eat", (1 << 30,))
        after = await pool.do("echo", (b"",))

    assert before.facts == after.facts
    assert counted.outcomes["eat", PixelOutcome.TOO_LARGE] == 1


async def test_more_than_may_wait_are_refused() -> None:
    async with bad_pool(queue=1) as (pool, counted):
        running = asyncio.create_task(pool.do("sleep", (0.5,)))
        waiting = asyncio.create_task(pool.do("echo", (b"waited",)))
        await asyncio.sleep(0)

        with pytest.raises(PixelEngineBusy):
            await pool.do("echo", (b"too many",))

        assert (await waiting).data == b"waited"
        await running
    assert counted.waited == 1
    assert counted.outcomes["echo", PixelOutcome.REFUSED] == 1


async def test_a_cancelled_request_frees_its_place_in_the_queue() -> None:
    async with bad_pool(queue=1) as (pool, counted):
        running = asyncio.create_task(pool.do("sleep", (0.5,)))
        waiting = asyncio.create_task(pool.do("echo", (b"given up",)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert (await pool.do("echo", (b"instead",))).data == b"instead"
        await running
    assert counted.outcomes["echo", PixelOutcome.ABANDONED] == 1


async def test_a_cancelled_request_frees_its_worker() -> None:
    async with bad_pool() as (pool, _):
        await pool.do("echo", (b"",))
        running = asyncio.create_task(pool.do("sleep", (60,)))
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        async with asyncio.timeout(15):
            assert (await pool.do("echo", (b"next",))).data == b"next"


async def test_a_short_task_that_was_given_up_keeps_its_worker() -> None:
    async with bad_pool() as (pool, _):
        first = await pool.do("echo", (b"",))
        running = asyncio.create_task(pool.do("sleep", (0.1,)))
        await asyncio.sleep(0.02)
        running.cancel()

        assert (await pool.do("echo", (b"",))).facts == first.facts


async def test_closing_ends_what_runs_and_what_waits() -> None:
    async with bad_pool() as (pool, _):
        tasks = [asyncio.create_task(pool.do("sleep", (60,))) for _ in range(3)]
        await asyncio.sleep(1)

    fates = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(fate) for fate in fates] == [ShuttingDown] * 3


async def test_closing_does_not_wait_for_a_worker_that_is_being_started() -> None:
    async with bad_pool() as (pool, _):
        task = asyncio.create_task(pool.do("sleep", (60,)))
        await asyncio.sleep(0)

    (fate,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(fate, ShuttingDown)


async def test_a_worker_that_cannot_start_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted()
    async with PixelPool(limits(), counted, "tests.no_such_module") as pool:
        for _ in range(2):
            with pytest.raises(PixelEngineBusy), capture_logs() as logs:
                await pool.do("echo", (b"",))

    assert [log["event"] for log in logs] == ["pixel_worker_not_started"]
    assert counted.outcomes["echo", PixelOutcome.REFUSED] == 2


async def test_modules_of_the_working_folder_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    frame, _ = native(described(), seed=1)

    async with PixelPool(limits(), Counted()) as pool:
        assert (await pool.transcode(frame, JPEG_LS)).data


async def test_a_task_ends_though_the_server_was_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, signal\n"
        "from hilum.adapters.pixels.pool import PixelPool\n"
        "from tests.integration.pixels.test_pool import Counted, limits\n"
        "async def main():\n"
        f"    pool = PixelPool(limits(task_seconds=1), Counted(), {_BAD!r})\n"
        "    told = await pool.do('echo', (b'',))\n"
        "    task = asyncio.create_task(pool.do('sleep', (600,)))\n"
        "    await asyncio.sleep(0.1)\n"
        "    print(told.facts['process'], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=environment
    )
    told, _ = await server.communicate()
    worker = int(told)

    async with asyncio.timeout(20):
        while _runs(worker):  # noqa: ASYNC110 - a process of somebody else tells nobody
            await asyncio.sleep(0.2)


def _runs(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


async def test_a_bug_in_a_task_tells_no_more_than_its_place() -> None:
    async with bad_pool() as (pool, counted):
        with pytest.raises(RuntimeError, match=r"LookupError at .*bad_worker.py") as caught:
            await pool.do("fail", ())

    assert "Doe" not in str(caught.value)
    assert counted.outcomes["fail", PixelOutcome.FAILED] == 1


async def test_a_worker_is_told_no_secrets_and_writes_no_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HILUM_DATABASE__URL", "postgresql://user:secret@host/database")
    async with bad_pool() as (pool, _):
        seen = await pool.do("see", ())
        with pytest.raises((RuntimeError, PixelsNotDecodable)):
            await pool.do("write", (str(tmp_path / "file"),))

    assert "HILUM_DATABASE__URL" not in seen.facts
    assert "PATH" in seen.facts


async def test_a_signal_to_the_group_does_not_stop_a_worker() -> None:
    async with bad_pool() as (pool, _):
        echoed = await pool.do("echo", (b"",))
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(echoed.facts["process"], number)

        assert (await pool.do("echo", (b"",))).facts == echoed.facts


def test_large_frames_travel_whole_on_either_event_loop() -> None:
    data = os.urandom(1 << 20) * 20

    async def travel() -> bytes:
        async with bad_pool() as (pool, _):
            return (await pool.do("echo", (data,))).data

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(travel()) == data


async def test_a_real_decoder_runs_out_of_memory_in_its_worker_only() -> None:
    frame = next(
        next(frames_of(dataset)) for path, dataset in images() if path.name == "RG1_J2KR.dcm"
    )
    async with PixelPool(limits(memory_bytes=1 << 20), Counted()) as pool:
        with pytest.raises((PixelLimitExceeded, PixelsNotDecodable)):
            await pool.transcode(frame, LITTLE)

        small, _ = native(described(rows=4, columns=4), seed=1)
        assert (await pool.transcode(small, JPEG_2000)).data
