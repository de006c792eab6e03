"""Components that readiness can try: the disk, and whatever knows its own state."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from hilum.ports.readiness import NotReady


@dataclass(frozen=True, slots=True)
class DiskCheck:
    """Writes, flushes and removes a small file in `folder`, and looks at the space left."""

    folder: Path
    reserve_bytes: int
    name: str = "disk"

    async def __call__(self) -> str:
        free = await asyncio.to_thread(self._try)
        return f"Writable, {free >> 20:,} MiB free."

    def _try(self) -> int:
        try:
            self._write()
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"{self.folder} is not writable: {reason}."
            raise NotReady(message) from error
        if free < self.reserve_bytes:
            message = (
                f"Only {free >> 20:,} MiB free, less than the reserve of"
                f" {self.reserve_bytes >> 20:,} MiB (setting storage.reserve_bytes)."
            )
            raise NotReady(message)
        return free

    def _write(self) -> None:
        probe = self.folder / f".ready-{os.getpid()}"
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, b"ready\n")
            os.fsync(handle)
        finally:
            os.close(handle)
            with suppress(OSError):
                probe.unlink()


@runtime_checkable
class AnswersPing(Protocol):
    """An engine behind a network."""

    async def ping(self) -> None:
        """Ask it something, without patience. Raises a `HilumError`."""
        ...


@dataclass(frozen=True, slots=True)
class PingCheck:
    """An engine behind a network, which is asked whether it answers."""

    name: str
    ping: Callable[[], Awaitable[None]]
    working: str
    """Words for the good state; the error has those for the bad one."""

    async def __call__(self) -> str:
        await self.ping()
        return self.working


@dataclass(frozen=True, slots=True)
class StateCheck:
    """A component that knows its own state, such as the committer or a listening door."""

    name: str
    works: Callable[[], bool]
    working: str
    """Words for the good state, such as `Listening on 127.0.0.1:11112.`"""
    broken: str
    """Words for the bad one: what is wrong and what to do."""

    async def __call__(self) -> str:
        if not self.works():
            raise NotReady(self.broken)
        return self.working
