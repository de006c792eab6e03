"""What every sink promises when its far side goes away."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event
from hilum.ports.sinks import EventSink
from tests.contract.sinks.conftest import killable
from tests.contract.sinks.events import events_of_studies, ids, of_key
from tests.contract.sinks.far_sides import FarSide, sink_of
from tests.contract.sinks.test_telling import keyed

pytestmark = pytest.mark.slow
_QUICK_SECONDS = 8.0
_HEALED_SECONDS = 60.0


async def _healed(sink: EventSink, events: Sequence[Event]) -> None:
    """Send until it works, as the relay does."""
    async with asyncio.timeout(_HEALED_SECONDS):
        while True:
            try:
                assert list(await sink.send(events)) == []
            except SinkUnavailable:
                await asyncio.sleep(0.2)
            else:
                return


def _whole(told: Sequence[object], far: FarSide, events: Sequence[Event]) -> None:
    for key in {each.key for each in events}:
        assert of_key(told, key) == ids(events, key)  # type: ignore[arg-type]
    if not far.repeats:
        assert len(told) == len(events)


@killable(("kafka", "rabbitmq", "redis-stream", "webhook", "file"))
async def test_an_outage_costs_nothing_but_delay(frail: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(600, studies=5)]
    sink = sink_of(frail.table())
    await sink.open()
    await sink.send(events[:200])

    await asyncio.to_thread(frail.kill)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(SinkUnavailable) as caught:
            await sink.send(events[200:400])
        assert time.monotonic() - began < _QUICK_SECONDS
        assert "'far'" in str(caught.value)
    await asyncio.to_thread(frail.restart)
    await _healed(sink, events[200:400])
    await _healed(sink, events[400:])

    await sink.close()
    _whole(await frail.told(len(events)), frail, events)


@killable(("kafka", "rabbitmq", "redis-stream"))
async def test_what_was_acknowledged_outlives_the_engine(frail: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(300, studies=5)]
    sink = sink_of(frail.table())
    await sink.open()
    assert list(await sink.send(events)) == []

    await asyncio.to_thread(frail.kill)
    await sink.close()
    await asyncio.to_thread(frail.restart)

    _whole(await frail.told(len(events)), frail, events)


@killable()
async def test_a_sink_opens_once_its_far_side_is_there(frail: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(10, studies=2)]
    if frail.durable:
        await asyncio.to_thread(frail.kill)
    sink = sink_of(frail.table())
    if frail.durable:
        began = time.monotonic()
        with pytest.raises(SinkUnavailable):
            await sink.open()
        assert time.monotonic() - began < _QUICK_SECONDS
        await asyncio.to_thread(frail.restart)

    await _healed(sink, events)

    await sink.close()
    _whole(await frail.told(len(events)), frail, events)


@killable(("kafka", "rabbitmq", "redis-stream", "webhook"))
async def test_nothing_is_lost_or_reordered_while_the_far_side_is_killed(frail: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(3000, studies=11)]
    sink = sink_of(frail.table())
    await sink.open()
    progress = asyncio.Event()

    async def relay() -> None:
        for start in range(0, len(events), 50):
            await _healed(sink, events[start : start + 50])
            progress.set()
            await asyncio.sleep(0.01)

    relaying = asyncio.create_task(relay())
    for _ in range(2):
        progress.clear()
        await progress.wait()
        await asyncio.to_thread(frail.kill)
        await asyncio.to_thread(frail.restart)
    await relaying

    await sink.close()
    _whole(await frail.told(len(events)), frail, events)
