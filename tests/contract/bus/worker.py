"""A member of a group in a process of its own, to be killed.

    python -m tests.contract.bus.worker '<JSON>'

It writes a line for each thing that happens to a file that outlives it. `mode` says how its handler
behaves: `slow` takes a little time; `hang` never ends; `die` ends the process at message `poison`.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.adapters.bus.options import BusOptions
from hilum.domain.errors import BusUnavailable
from hilum.ports.bus import Message
from tests.contract.bus.brokers import make_bus


@dataclass(frozen=True)
class Log:
    """Lines appended whole: several processes may write."""

    path: Path

    def add(self, event: str, message: Message | None = None) -> None:
        told = (message.message_id, message.key, message.attempt) if message else ("", "", 0)
        # Begun on a line of its own, whatever one that was killed has left behind.
        line = "\n" + json.dumps([event, *told, os.getpid()]) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line.encode())
        os.close(handle)

    def lines(self) -> list[list[Any]]:
        """What was added, but for what was cut off by a kill or is just being written."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("]")]


async def work(told: dict[str, object]) -> None:
    options = BusOptions(**told["options"])  # type: ignore[arg-type]
    log = Log(Path(str(told["log"])))
    mode, poison = told["mode"], told.get("poison")

    async def handle(message: Message) -> None:
        log.add("begin", message)
        if mode == "hang":
            await asyncio.Event().wait()
        if mode == "die" and message.message_id == poison:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0.01)
        log.add("end", message)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bus = make_bus(str(told["url"]), options)
    async with (
        bus,
        bus.subscribe(
            str(told["topic"]),
            str(told["group"]),
            handle,
            concurrency=int(str(told.get("concurrency", 4))),
            attempts=int(str(told.get("attempts", 5))),
        ),
    ):
        log.add("ready")
        await stop.wait()
    log.add("left")


def supervised(role: Callable[[dict[str, object]], Coroutine[Any, Any, None]]) -> None:
    """Run a role, and start it again when its engine was not there at its start."""
    while True:
        try:
            asyncio.run(role(json.loads(sys.argv[1])))
        except BusUnavailable:
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    supervised(work)
