"""What is committed by one process on PostgreSQL is heard by the others at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from hilum.adapters.database.postgresql_doorbell import Doorbell
from hilum.adapters.database.sql_index import SqlIndex
from hilum.delivery.options import Declared, RelayOptions
from hilum.delivery.service import Delivery, DeliveryOptions, Engines
from hilum.domain.arrivals import Seen, Told
from hilum.foundation.bell import Bell
from hilum.foundation.clock import SystemClock
from hilum.ports.delivery_telemetry import NoDeliveryMeter
from tests.contract.index.engines import engine_of
from tests.contract.index.kept import a_kept, uids
from tests.engines import own
from tests.unit.delivery.world import ScriptedSink, locate

PATIENCE_SECONDS = 20.0


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with engine_of("postgres", tmp_path) as made:
        yield made.url


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not happened():  # noqa: ASYNC110 (a thread does it)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def doorbells(*urls: str) -> AsyncIterator[list[tuple[Bell, Doorbell]]]:
    """One for each, as in a process of its own, and connected."""
    async with AsyncExitStack() as stack:
        made = []
        for url in urls:
            bell = Bell()
            made.append((bell, await stack.enter_async_context(Doorbell(url, {"feed": bell}))))
        await until(lambda: all(bell.rung for bell, _ in made))
        yield made


async def test_a_ring_is_heard_by_the_others_and_comes_back_to_nobody(url: str) -> None:
    async with doorbells(url, url, url) as made:
        one, two, three = (bell for bell, _ in made)
        assert [one.rung, two.rung, three.rung] == [1, 1, 1], "each rings when it has connected"

        one.ring()

        await until(lambda: two.rung == three.rung == 2)
        two.ring()
        await until(lambda: one.rung == three.rung == 3)
        await until(lambda: two.rung == 3)
        assert [one.rung, two.rung, three.rung] == [3, 3, 3], "nothing is told in a circle"


async def test_a_ring_is_heard_long_before_anybody_would_have_looked(url: str) -> None:
    async with doorbells(url, url) as made:
        one, two = (bell for bell, _ in made)
        rung = two.rung
        began = time.monotonic()

        one.ring()
        await two.wait(rung, PATIENCE_SECONDS)

        assert time.monotonic() - began < PATIENCE_SECONDS / 2


async def test_many_rings_are_passed_on_as_few(url: str) -> None:
    async with doorbells(url, url) as made:
        one, two = (bell for bell, _ in made)

        for _ in range(1000):
            one.ring()
            await asyncio.sleep(0)

        await until(lambda: two.rung > 1)
        assert two.rung < 500


async def test_archives_in_other_schemas_do_not_hear_it(url: str) -> None:
    async with doorbells(url, url, f"{url}?schema=another") as made:
        one, two, other = (bell for bell, _ in made)

        one.ring()

        await until(lambda: two.rung == 2)
        assert other.rung == 1


async def test_one_connection_is_used_by_a_process(url: str) -> None:
    async with doorbells(url):
        with psycopg.connect(url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            ).fetchone()

    assert found == (1,)


async def test_bells_ring_again_after_a_restart_of_the_server() -> None:
    with own("postgres") as private:
        async with doorbells(private.address, private.address) as made:
            (one, first), (two, second) = made
            private.kill()
            await until(lambda: not first.listening and not second.listening)
            one.ring()  # goes nowhere, and disturbs nobody
            before = [one.rung, two.rung]
            private.start()
            await until(lambda: one.rung > before[0] and two.rung > before[1])
            await until(lambda: first.listening and second.listening)
            rung = two.rung

            one.ring()

            await until(lambda: two.rung > rung)


async def test_a_server_that_is_away_holds_up_neither_start_nor_end(url: str) -> None:
    began = time.monotonic()

    async with Doorbell(url.replace("127.0.0.1", "127.0.0.9"), {"feed": Bell()}) as bell:
        assert not bell.listening

    assert time.monotonic() - began < PATIENCE_SECONDS / 2


@asynccontextmanager
async def two_processes(folder: Path) -> AsyncIterator[tuple[SqlIndex, SqlIndex]]:
    """Two indexes of one database, each with its doorbell as an archive opens it."""
    with engine_of("postgres", folder) as engine:
        async with AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(engine.open()) for _ in range(2)]
            for index in opened:
                bells = {"feed": index.fed, "arrivals": index.arrivals.noted}
                await stack.enter_async_context(Doorbell(engine.url, bells))
            await until(lambda: all(index.arrivals.noted.rung for index in opened))
            yield opened[0], opened[1]


async def test_a_relay_tells_at_once_what_another_process_committed(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, two):
        sink = ScriptedSink()
        delivery = Delivery(
            Engines(two, two, two.delivery, two.fed, locate),
            [(Declared("all", "sink"), sink)],
            DeliveryOptions(relay=RelayOptions(poll_seconds=600.0), stable=None),
            holder="two",
            clock=SystemClock(),
            meter=NoDeliveryMeter(),
        )
        async with delivery:
            for number in range(1, 4):
                await one.commit([a_kept(uids(instance=number))])
                await until(lambda: len(sink.told) == number)  # noqa: B023 (awaited here)

        assert sink.sequences == [1, 2, 3]


async def test_what_another_process_noted_to_be_fetched_rings_here(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, two):
        fed, noted = two.fed.rung, two.arrivals.noted.rung

        await one.arrivals.note([Seen("main", "a", "corr", Told.WEBHOOK)])

        await until(lambda: two.arrivals.noted.rung > noted)
        assert two.fed.rung == fed, "only who fetches is woken"
