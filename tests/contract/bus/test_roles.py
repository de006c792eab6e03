"""Roles split over processes: a publisher and two workers of one group.

Each of them, and the engine between them, is killed and started again, repeatedly.
"""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from tests.contract.bus.brokers import Broker, until
from tests.contract.bus.processes import Line, Stage, stage
from tests.engines import Own

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MESSAGES = 1000
KEYS = 12
ROUNDS = 3


async def test_nothing_is_lost_or_out_of_order_whoever_is_killed(
    engine: tuple[Own, Broker], tmp_path: Path
) -> None:
    server, broker = engine
    with stage(broker, tmp_path) as processes:
        publisher = processes.publisher(MESSAGES, KEYS)
        workers = [processes.member("slow", attempts=20) for _ in range(2)]
        for _ in range(ROUNDS):
            for victim in (publisher, *workers):
                await _progress(processes)
                victim.kill()
                await asyncio.sleep(0.5)
                victim.start()
            await _progress(processes)
            server.restart()
        await until(lambda: publisher.ended, seconds=120)
        assert publisher.process is not None
        assert publisher.process.returncode == 0
        await until(lambda: len(processes.ids("end")) == MESSAGES, seconds=120)
        for worker in workers:
            assert await worker.stop() == 0
        lines = processes.lines()

    assert len({line.pid for line in lines if line.event == "end"}) > 2
    for event in ("begin", "end"):
        for key, first in _first_times(lines, event).items():
            expected = [f"{key}-{number}" for number in range(int(key[1:]), MESSAGES, KEYS)]
            assert first == expected
    assert _overlaps(lines) == []


async def _progress(processes: Stage) -> None:
    """Kill nobody before something has been handled since the last one was killed."""
    handled = len(processes.ids("end"))
    await until(lambda: len(processes.ids("end")) >= min(handled + 20, MESSAGES), seconds=120)


def _first_times(lines: list[Line], event: str) -> dict[str, list[str]]:
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for line in lines:
        if line.event == event:
            found[line.key].setdefault(line.message_id)
    return {key: list(ids) for key, ids in found.items()}


def _overlaps(lines: list[Line]) -> list[tuple[Line, Line]]:
    """Messages of one key that were with two handlers at once, both of which lived to the end."""
    ended = {(line.message_id, line.attempt, line.pid) for line in lines if line.event == "end"}
    running: dict[str, Line] = {}
    found = []
    for line in lines:
        if (line.message_id, line.attempt, line.pid) not in ended:
            continue
        if line.event == "begin":
            if line.key in running:
                found.append((running[line.key], line))
            running[line.key] = line
        else:
            running.pop(line.key, None)
    return found
