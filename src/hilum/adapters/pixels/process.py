"""One pixel worker as the serving process sees it."""

import asyncio
import contextlib
import os
import socket
import subprocess
from typing import Final

from hilum.adapters.pixels.exchange import Answer, Kind, WorkerGone, answer, ask, call_pieces
from hilum.foundation import processes

_START_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
_SENT_AT_ONCE_BYTES: Final = 1 << 20
"""A frame of CT goes over in one piece where the kernel allows (net.core.wmem_max)."""
_TOLD: Final = frozenset(
    {"PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT"}
)
"""Of the environment: what Python needs to start. The rest holds passwords."""
_ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_KEPT_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "67108864"}
"""glibc keeps so many freed bytes: to be given them anew for each frame takes longer than drawing
it."""


class Worker:
    """A process that does one task after the other."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process = process
        self._connection = connection
        self._is_ready = False

    @classmethod
    def spawn(cls, module: str, memory_bytes: int, task_seconds: int) -> "Worker":
        """Start a process that runs a module. Raises `OSError`."""
        environment = {name: value for name, value in os.environ.items() if name in _TOLD}
        process, connection = processes.spawn(
            module,
            (memory_bytes, task_seconds),
            environment=environment | _ONE_THREAD | _KEPT_MEMORY,
            silent=True,  # codecs write there as they please
        )
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AT_ONCE_BYTES)
        return cls(process, connection)

    @property
    def alive(self) -> bool:
        """False when the process is known to have ended."""
        return self.process.poll() is None

    async def get_ready(self) -> None:
        """Wait until it takes calls. Raises `WorkerGone`, or `TimeoutError` when it never does."""
        if self._is_ready:
            return
        async with asyncio.timeout(_START_SECONDS):
            told = await answer(self._connection, 0)
        if told.kind is not Kind.READY:
            raise WorkerGone
        self._is_ready = True

    async def ask(self, name: str, arguments: tuple[object, ...], most_bytes: int) -> Answer:
        """Have a task done. Raises `WorkerGone`; then, and when cancelled, it is of no more use."""
        return await ask(self._connection, call_pieces(name, arguments), most_bytes)

    def stop(self) -> None:
        """Kill the process; whoever waits for its answer gets `WorkerGone`."""
        with contextlib.suppress(OSError):
            self.process.kill()

    async def kill(self) -> int:
        """Kill the process and wait for its end; returns its exit code (negative: the signal)."""
        self.stop()
        return await self.end()

    async def end(self) -> int:
        """Let it go; returns its exit code."""
        self._connection.close()
        code = await processes.ended(self.process, _END_SECONDS)
        return self.process.returncode if code is None else code
