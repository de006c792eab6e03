"""A bounded pool of pixel workers, and of threads for what needs none."""

import asyncio
from collections.abc import Sequence
from typing import Final, Self

import structlog

from hilum.adapters.pixels.exchange import NO_MEMORY_EXIT, Answer, WorkerGone
from hilum.adapters.pixels.nearby import NearbyDrawing
from hilum.adapters.pixels.outcomes import (
    Crashed,
    PixelOptions,
    TooSlow,
    measured,
    no_memory,
    read_answer,
)
from hilum.adapters.pixels.process import Worker
from hilum.domain.errors import (
    NotTranscodable,
    PixelEngineBusy,
    PixelLimitExceeded,
    ShuttingDown,
)
from hilum.domain.identifiers import TransferSyntaxUID
from hilum.domain.images import EncodedFrame, ImagePixels, TranscodedFrame
from hilum.domain.presentation import Display, Rendering
from hilum.foundation.turns import Turns
from hilum.imaging import placing
from hilum.imaging.layout import demand_possible
from hilum.imaging.placing import PictureLimits, picture_pixels
from hilum.imaging.syntaxes import SYNTAXES
from hilum.ports.pixel_telemetry import PixelMeter

_log = structlog.get_logger("hilum.pixels")

WORKER: Final = "hilum.adapters.pixels.worker"
_CLOSING: Final = "The server is shutting down."
_GRACE_SECONDS: Final = 0.5
"""For a task that nobody waits for any more: most end by themselves sooner than a worker starts."""
_SLACK_BYTES: Final = 1 << 20


class PixelPool:
    """See `PixelEngine`; use with `async with`. Workers are started when they are first needed.

    `module` is run with the interpreter of this process for each of them.
    """

    def __init__(self, options: PixelOptions, meter: PixelMeter, module: str = WORKER) -> None:
        self._options = options
        self._picture_limits = PictureLimits(
            options.maximum_frame_bytes, options.maximum_picture_pixels
        )
        self._nearby = NearbyDrawing(options, self._picture_limits, meter)
        self._module = module
        self._meter = meter
        self._turns = Turns(self._take, self._give_back)
        self._busy = 0
        self._waiting = 0
        self._idle: list[Worker] = []
        self._jobs: dict[asyncio.Task[Answer], _Job] = {}
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all workers; tasks under way fail with `ShuttingDown`."""
        self._closed = True
        await self._nearby.close()
        for job in self._jobs.values():
            job.stop()
        if self._jobs:
            await asyncio.wait(self._jobs)
        idle, self._idle = self._idle, []
        await asyncio.gather(*(worker.end() for worker in idle))

    async def transcode(self, frame: EncodedFrame, target: TransferSyntaxUID) -> TranscodedFrame:
        """See `PixelEngine`."""
        most = self._options.maximum_frame_bytes
        demand_possible(frame.pixels, most)
        syntax = SYNTAXES.get(target)
        if syntax is not None and syntax.may_be_lossy and not self._options.lossy:
            message = f"{syntax.name} is lossy, which the setting pixels.lossy does not allow."
            raise NotTranscodable(message)
        answer = await self.do("transcode", (frame, target, most))
        return TranscodedFrame(_told(answer), answer.data)

    def can_judge(self, transfer_syntax_uid: TransferSyntaxUID) -> bool:
        """See `FrameJudge`."""
        syntax = SYNTAXES.get(transfer_syntax_uid)
        return syntax is not None and syntax.decodes

    async def judge(self, frame: EncodedFrame) -> ImagePixels:
        """See `FrameJudge`."""
        most = self._options.maximum_frame_bytes
        return _told(await self.do("judge", (frame, most), most_bytes=0))

    async def draw(self, frame: EncodedFrame, display: Display, rendering: Rendering) -> bytes:
        """See `PictureEngine`."""
        limits = self._picture_limits
        pixels = picture_pixels(frame.pixels, display, rendering, limits)
        if self._nearby.takes(frame, display, rendering, pixels):
            return await self._nearby.draw(frame, display, rendering)
        arguments = frame, display, rendering, limits
        return (await self.do("draw", arguments, _picture_bytes(limits))).data

    async def draw_moving(
        self, frames: Sequence[tuple[EncodedFrame, Display]], rendering: Rendering
    ) -> bytes:
        """See `PictureEngine`."""
        limits = self._picture_limits
        most = limits.picture_pixels
        pixels = sum(
            picture_pixels(frame.pixels, display, rendering, limits) for frame, display in frames
        )
        if pixels > most:
            raise PixelLimitExceeded(placing.LIMIT, most, f"The frames have {pixels} pixels")
        arguments = tuple(frames), rendering, limits
        return (await self.do("draw-moving", arguments, _picture_bytes(limits))).data

    async def do(
        self, kind: str, arguments: tuple[object, ...], most_bytes: int | None = None
    ) -> Answer:
        """Have one of `hilum.imaging.tasks` done. Raises what `PixelEngine` tells of.

        Its answer has about `most_bytes` at most; None: those of a decoded frame.
        """
        if most_bytes is None:
            most_bytes = self._options.maximum_frame_bytes
        with measured(self._meter, kind):
            return await self._in_turn(kind, arguments, most_bytes)

    async def _in_turn(self, kind: str, arguments: tuple[object, ...], most_bytes: int) -> Answer:
        if self._busy >= self._options.workers and self._waiting >= self._options.queue:
            message = f"{self._waiting} frames wait already (setting pixels.queue)."
            raise PixelEngineBusy(message)
        self._count_waiting(1)
        try:
            await self._turns.wait(1)
        finally:
            self._count_waiting(-1)
        # What happens to the worker must not depend on whether somebody still waits for it.
        job = _Job(kind, arguments, 2 * most_bytes + _SLACK_BYTES)
        running = asyncio.create_task(self._run(job), name="hilum-pixel-task")
        self._jobs[running] = job
        running.add_done_callback(self._forget)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, job.stop)
            raise

    def _forget(self, running: "asyncio.Task[Answer]") -> None:
        del self._jobs[running]
        self._give_back(1)
        if not running.cancelled():
            running.exception()  # seen, also when the caller has gone

    async def _run(self, job: "_Job") -> Answer:
        worker = await self._worker()
        job.begin(worker)
        try:
            await worker.get_ready()
        except (TimeoutError, WorkerGone) as error:
            job.end()
            await worker.kill()
            if job.stopped:
                raise ShuttingDown(_CLOSING) from error
            raise _not_started(error) from error
        try:
            async with asyncio.timeout(self._options.task_seconds):
                answer = await worker.ask(job.kind, job.arguments, job.most_bytes)
        except TimeoutError as error:
            job.end()
            await worker.kill()
            seconds = self._options.task_seconds
            _log.warning("pixel_task_too_slow", kind=job.kind, seconds=seconds)
            name, what = "pixels.task_seconds", "Work on a frame took too long"
            raise TooSlow(name, seconds, what) from error
        except WorkerGone as error:
            job.end()
            code = await worker.end()
            if job.stopped:
                raise ShuttingDown(_CLOSING) from error
            _log.error("pixel_worker_ended", kind=job.kind, exit_code=code)
            if code == NO_MEMORY_EXIT:
                raise no_memory(self._options) from error
            message = "The stored frame cannot be decoded: the decoder crashed on it."
            raise Crashed(message) from error
        job.end()
        await self._keep(worker)
        return read_answer(answer, self._options)

    async def _keep(self, worker: Worker) -> None:
        if self._closed:
            await worker.end()
        else:
            self._idle.append(worker)

    async def _worker(self) -> Worker:
        """A worker that nobody has, a new one if need be. Raises `PixelEngineBusy`."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            _log.warning("pixel_worker_ended", kind="none", exit_code=await worker.end())
        if self._closed:
            raise ShuttingDown(_CLOSING)
        try:
            options = self._options
            return Worker.spawn(self._module, options.memory_bytes, options.task_seconds)
        except OSError as error:
            raise _not_started(error) from error

    def _count_waiting(self, change: int) -> None:
        self._waiting += change
        self._meter.waiting(self._waiting)

    def _take(self, _: int) -> bool:
        if self._busy >= self._options.workers:
            return False
        self._busy += 1
        return True

    def _give_back(self, _: int) -> None:
        self._busy -= 1
        self._turns.serve()


class _Job:
    """A task under way, and the worker that has it."""

    def __init__(self, kind: str, arguments: tuple[object, ...], most_bytes: int) -> None:
        self.kind = kind
        self.arguments = arguments
        self.most_bytes = most_bytes
        self.stopped = False
        self._worker: Worker | None = None

    def begin(self, worker: Worker) -> None:
        """Give it to a worker."""
        self._worker = worker
        if self.stopped:
            worker.stop()

    def end(self) -> None:
        """The worker has it no more."""
        self._worker = None

    def stop(self) -> None:
        """Nobody waits for it: kill the worker if one has it."""
        self.stopped = True
        if self._worker is not None:
            self._worker.stop()


def _not_started(error: Exception) -> PixelEngineBusy:
    _log.error("pixel_worker_not_started", error=type(error).__name__)
    message = "No process to work on the image can be started now."
    return PixelEngineBusy(message)


def _told(answer: Answer) -> ImagePixels:
    try:
        return ImagePixels(**answer.facts)
    except TypeError as error:
        message = "a pixel worker told nonsense"
        raise RuntimeError(message) from error


def _picture_bytes(limits: PictureLimits) -> int:
    """A picture that cannot be compressed at all, before it is doubled for its file's sake."""
    return 3 * limits.picture_pixels
