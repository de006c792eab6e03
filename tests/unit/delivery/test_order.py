"""Whatever a sink does, each study's events are first told in the order of the feed, all."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.delivery.options import RelayOptions
from hilum.domain.errors import SinkUnavailable
from hilum.domain.events import Event, Rejected
from hilum.ports.delivery import LetterQuery
from tests.unit.delivery.world import EVERYTHING, ScriptedSink, a_world, until_asked

_ANY = LetterQuery()
ACTS = ("take", "away", "forget-to-say", "take-some", "stumble", "reject-last")


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    acts=st.lists(st.sampled_from(ACTS), max_size=12),
    studies=st.lists(st.integers(1, 3), min_size=1, max_size=15),
    batch=st.integers(1, 5),
    page=st.integers(1, 7),
)
async def test_first_tellings_are_complete_and_in_order(
    acts: list[str], studies: list[int], batch: int, page: int
) -> None:
    told: list[Event] = []
    left = list(acts)

    async def script(events: Sequence[Event]) -> Sequence[Rejected]:
        act = left.pop(0) if left else "take"
        if act == "away":
            raise SinkUnavailable("The sink is away.")
        if act == "stumble":
            message = "a bug of the sink"
            raise ZeroDivisionError(message)
        if act == "reject-last":
            told.extend(events[:-1])
            return [Rejected(events[-1].event_id, "http-400", "It says no.")]
        told.extend(events[: len(events) // 2] if act == "take-some" else events)
        if act in {"forget-to-say", "take-some"}:
            raise SinkUnavailable("The answer was lost.")
        return []

    options = RelayOptions(page_entries=page, batch_events=batch, cursor_seconds=0)
    with tempfile.TemporaryDirectory() as folder:
        async with a_world(Path(folder), options) as world:
            for number, study in enumerate(studies, 1):
                await world.keep(number, study=study)
            async with world.delivering(("all", ScriptedSink(script), EVERYTHING)):

                async def done() -> bool:
                    return await world.cursor() == len(studies)

                await until_asked(done)
            feed = await world.index.feed(0, 100)
            letters = await world.index.delivery.letters.list(_ANY, 0, 100)

    by_id: dict[str, Event] = {}
    for event in told:
        by_id.setdefault(event.event_id, event)
    first = [event for event in by_id.values() if event.type.startswith("hilum.instance")]
    dead = {letter.sequence for letter in letters}
    for study in {entry.uids.study for entry in feed}:
        sequences = [event.sequence for event in first if event.key == study]
        expected = [entry.sequence for entry in feed if entry.uids.study == study]
        assert sequences == sorted(sequences)
        assert set(expected) == set(sequences) | (dead & set(expected))
