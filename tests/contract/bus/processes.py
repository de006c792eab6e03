"""Processes that take part in a bus, and what they wrote down."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.bus.brokers import Broker
from tests.contract.bus.worker import Log


@dataclass(frozen=True)
class Line:
    event: str
    message_id: str
    key: str
    attempt: int
    pid: int


@dataclass
class Member:
    """One process, started again and again under the same orders."""

    module: str
    orders: dict[str, object]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, json.dumps(self.orders)]
        )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def stop(self, seconds: float = 30) -> int:
        assert self.process is not None
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, seconds)

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@dataclass
class Stage:
    """Where processes of one test write, and which there are."""

    broker: Broker
    log: Path
    members: list[Member] = field(default_factory=list)

    def member(self, mode: str, group: str = "g", **orders: object) -> Member:
        return self._begun("worker", {"group": group, "mode": mode} | orders)

    def publisher(self, messages: int, keys: int) -> Member:
        return self._begun("publisher", {"messages": messages, "keys": keys})

    def _begun(self, role: str, orders: dict[str, object]) -> Member:
        told = self.broker.told() | {"log": str(self.log)} | orders
        member = Member(f"tests.contract.bus.{role}", told)
        self.members.append(member)
        member.start()
        return member

    def lines(self, event: str | None = None) -> list[Line]:
        found = [Line(*line) for line in Log(self.log).lines()]
        return [line for line in found if event in (None, line.event)]

    def ids(self, event: str) -> set[str]:
        return {line.message_id for line in self.lines(event)}


@contextmanager
def stage(broker: Broker, folder: Path) -> Iterator[Stage]:
    """No process is left behind."""
    made = Stage(broker, folder / "log")
    try:
        yield made
    finally:
        for member in made.members:
            if not member.ended:
                member.kill()
