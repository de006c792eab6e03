"""What every sink promises while its far side works."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from hilum.domain.events import Event
from tests.contract.sinks.events import TYPES, an_event, events_of_studies, ids, of_key
from tests.contract.sinks.far_sides import PLACES, FarSide, sink_of


def keyed(event: Event) -> Event:
    """With the key where an engine that carries none can find it."""
    body = orjson.dumps({**orjson.loads(event.body), "key": event.key})
    return replace(event, body=body, headers={**event.headers, "test-key": event.key})


async def test_events_arrive_whole(far: FarSide) -> None:
    events = [keyed(an_event(n, key=f"1.2.{n}", type_=type_)) for n, type_ in enumerate(TYPES, 1)]
    sink = sink_of(far.table())
    await sink.open()

    rejected = await sink.send(events)

    await sink.close()
    assert list(rejected) == []
    told = {each.event_id: each for each in await far.told(3)}
    for event in events:
        found = told[event.event_id]
        assert found.key == event.key
        assert found.body == event.body
        assert found.place in {event.type, PLACES[event.type]}
        if found.headers:
            assert found.headers["event_type"] == event.type
            assert found.headers["correlation_id"] == event.correlation_id
            assert int(found.headers["sequence"]) == event.sequence


async def test_events_of_a_study_keep_their_order(far: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(1200, studies=7)]
    sink = sink_of(far.table())
    await sink.open()

    for start in range(0, len(events), 400):
        assert list(await sink.send(events[start : start + 400])) == []

    await sink.close()
    told = await far.told(len(events))
    assert len(told) == len(events)
    for key in {each.key for each in events}:
        assert [each.event_id for each in told if each.key == key] == ids(events, key)


async def test_sending_again_is_harmless(far: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(20, studies=3)]
    sink = sink_of(far.table())
    await sink.open()

    for _ in range(2):
        assert list(await sink.send(events)) == []

    await sink.close()
    told = await far.told(len(events))
    assert len(told) == 2 * len(events)
    for key in {each.key for each in events}:
        assert of_key(told, key) == ids(events, key)


async def test_sending_nothing_is_possible(far: FarSide) -> None:
    sink = sink_of(far.table())
    await sink.open()

    assert list(await sink.send([])) == []

    await sink.close()


async def test_sinks_send_one_call_after_another(far: FarSide) -> None:
    events = [keyed(an_event(n, key="1.2.3")) for n in range(1, 301)]
    sink = sink_of(far.table())
    await sink.open()

    calls = [sink.send(events[start : start + 100]) for start in (0, 100, 200)]
    assert [list(each) for each in await asyncio.gather(*calls)] == [[], [], []]

    await sink.close()
    assert of_key(await far.told(300), "1.2.3") == ids(events)


@pytest.mark.parametrize("far", ["kafka", "rabbitmq", "redis-stream"], indirect=True)
async def test_an_event_that_is_too_large_is_rejected_and_the_rest_delivered(far: FarSide) -> None:
    huge = orjson.dumps({"sequence": 2, "text": "x" * 60_000, "key": "1.2.3"})
    events = [keyed(each) for each in (an_event(1), an_event(2, body=huge), an_event(3))]
    sink = sink_of({**far.table(), "message_bytes": 50_000})
    await sink.open()

    rejected = await sink.send(events)

    await sink.close()
    assert [(each.event_id, each.cause) for each in rejected] == [
        (events[1].event_id, "message-too-large")
    ]
    assert "message_bytes" in rejected[0].message
    told = await far.told(2)
    assert [each.event_id for each in told] == [events[0].event_id, events[2].event_id]


async def test_a_cancelled_send_can_be_repeated(far: FarSide) -> None:
    events = [keyed(each) for each in events_of_studies(300, studies=3)]
    sink = sink_of(far.table())
    await sink.open()
    sending = asyncio.create_task(sink.send(events))
    await asyncio.sleep(0.002)
    sending.cancel()
    await asyncio.wait([sending])

    assert list(await sink.send(events)) == []

    await sink.close()
    told = await far.told(len(events))
    for key in {each.key for each in events}:
        assert of_key(told, key) == ids(events, key)
