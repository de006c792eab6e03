"""An archive's feed on SQLite, a clock that jumps while followers wait, sinks that do as told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hilum.adapters.database.schema import migrate
from hilum.adapters.database.sql_index import SqlIndex
from hilum.delivery.options import Declared, RelayOptions, StableOptions
from hilum.delivery.service import Delivery, DeliveryOptions, Engines
from hilum.domain.delivery import EventFilter
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.domain.identifiers import ObjectKey
from hilum.foundation.bell import Bell
from hilum.ports.delivery import Quiet
from hilum.ports.delivery_telemetry import NoDeliveryMeter
from hilum.ports.sinks import EventSink
from tests.contract.index.kept import a_kept, uids

START = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 20.0


@dataclass
class JumpingClock:
    """Goes on when somebody waits, by as much as they meant to."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def microseconds(self) -> int:
        return int((self.now() - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)

    async def wait(self, bell: Bell, rung: int, seconds: float) -> None:
        if bell.rung == rung:
            self.seconds += seconds
        await asyncio.sleep(0)


class WallClock(JumpingClock):
    """Real time, for what agrees with others about time by the database."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def wait(self, bell: Bell, rung: int, seconds: float) -> None:
        await bell.wait(rung, seconds)


Script = Callable[[Sequence[Event]], Awaitable[Sequence[Rejected]]]


async def takes_all(_events: Sequence[Event]) -> Sequence[Rejected]:
    return []


@dataclass
class ScriptedSink:
    """Remembers what it took; `script` decides what it rejects, or raises."""

    script: Script = takes_all
    told: list[Event] = field(default_factory=list)
    sends: int = 0
    is_open: bool = False
    refuses_to_open: bool = False

    async def open(self) -> None:
        if self.refuses_to_open:
            raise SinkUnavailable("The sink is not there.")
        self.is_open = True

    async def send(self, events: Sequence[Event]) -> Sequence[Rejected]:
        assert self.is_open
        self.sends += 1
        rejected = await self.script(events)
        gone = {each.event_id for each in rejected}
        self.told.extend(event for event in events if event.event_id not in gone)
        return rejected

    async def close(self) -> None:
        self.is_open = False

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.told]

    @property
    def sequences(self) -> list[int]:
        return [event.sequence for event in self.told]


@dataclass
class World:
    """One archive, whose followers are started and stopped by a test."""

    index: SqlIndex
    clock: JumpingClock
    options: RelayOptions = field(default_factory=RelayOptions)

    @asynccontextmanager
    async def delivering(
        self,
        *subscriptions: tuple[str, EventSink, EventFilter],
        stable: Quiet | None = None,
        holder: str = "one",
        lease_seconds: float | None = None,
        alone: bool = False,
        demand_sinks: bool = False,
        drain_seconds: float = 5.0,
        rest_seconds: float = 0.0,
    ) -> AsyncIterator[Delivery]:
        index = self.index
        engines = Engines(index, index, index.delivery, index.fed, locate)
        options = DeliveryOptions(
            relay=self.options,
            stable=None if stable is None else StableOptions(quiet=stable),
            lease_seconds=lease_seconds,
            alone=alone,
            demand_sinks=demand_sinks,
            drain_seconds=drain_seconds,
        )
        declared = [
            (Declared(name, "sink", wanted, rest_seconds=rest_seconds), sink)
            for name, sink, wanted in subscriptions
        ]
        async with Delivery(
            engines,
            declared,
            options,
            holder=holder,
            clock=self.clock,
            meter=NoDeliveryMeter(),
            wait=self.clock.wait,
        ) as delivery:
            yield delivery

    async def keep(self, *instances: int, study: int = 1, **values: str) -> None:
        """Commit instances of these numbers, one feed entry each."""
        await self.index.commit(
            [a_kept(uids(study=study, instance=number), **values) for number in instances]
        )

    async def cursor(self, name: str = "all") -> int:
        found = await self.index.delivery.subscriptions.get(name)
        assert found is not None
        return found.cursor


@asynccontextmanager
async def a_world(folder: Path, options: RelayOptions | None = None) -> AsyncIterator[World]:
    clock = JumpingClock()
    url = f"sqlite:///{folder / 'index.sqlite'}"
    migrate(url)
    async with SqlIndex(url, now=clock.microseconds) as index:
        yield World(index, clock, options or RelayOptions())


def locate(key: ObjectKey) -> str:
    return f"file:///objects/{key}"


async def until(happened: Callable[[], bool]) -> None:
    """Wait in real time until it happened; fail when it does not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def until_asked(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await happened():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


EVERYTHING = EventFilter()
