"""What submissions reach, as events, and that it troubles nobody who follows the feed."""

from dataclasses import replace

import orjson
import pytest

from hilum.delivery.rendering import Renderer
from hilum.desk.feed import entry_fields
from hilum.domain.delivery import EventFilter
from hilum.domain.identifiers import PartitionKey
from hilum.domain.records import FeedKind
from hilum.domain.submissions import Advance, SubmissionState
from hilum.outbound.events.writing import Wish
from hilum.ports.delivery import Quiet
from tests.contract.index.kept import uids
from tests.contract.submissions.stores import POLICY, a_submission, study_id
from tests.event_schemas import MESSAGES, problems
from tests.unit.delivery.world import (
    EVERYTHING,
    ScriptedSink,
    World,
    locate,
    until,
    until_asked,
)

WAY = ["study.uploaded", "study.validated", "study.archived"]
JUDGED = {
    "file_path": "/f",
    "validation_details": {
        "is_valid": True, "errors": [], "missing_tags": [], "file_size": 201, "modality": "CT",
        "study_date": "20260101",
    },
    "files": {"valid": 2, "quarantined": 0, "ignored": 0},
}  # fmt: skip
ARCHIVED = {
    "archive_path": "/a", "metadata_file": "/a/metadata.json", "studies": ["1.2.3"],
    "files": {"archived": 2, "already_held": 0, "quarantined": 0, "failed": 0},
}  # fmt: skip


async def go_the_way(world: World, number: int = 1) -> None:
    submissions, one = world.index.submissions, study_id(number)
    await submissions.receive(a_submission(number))
    await submissions.advance(one, Advance(SubmissionState.VALIDATING))
    await submissions.advance(one, Advance(SubmissionState.VALIDATED, data=JUDGED))
    await submissions.advance(one, Advance(SubmissionState.PROCESSING))
    await submissions.advance(one, Advance(SubmissionState.ARCHIVED, data=ARCHIVED))


async def test_a_submission_is_told_in_one_envelope_and_flat(world: World) -> None:
    sink = ScriptedSink()
    await go_the_way(world)
    async with world.delivering(("all", sink, EVERYTHING)):
        await until(lambda: len(sink.told) == 3)

    assert sink.types == WAY
    for event in sink.told:
        body = orjson.loads(event.body)
        (message,) = [each for each in MESSAGES.values() if each["name"] == event.type]
        assert problems(message, body) == []
        assert event.key == body["study_id"] == study_id()
        assert body["event"] == body["event_type"] == event.type
        assert body["id"] == body["event_id"] == event.event_id
        assert body["correlation_id"] == event.correlation_id == "corr-1"
        assert (body["version"], body["round"], body["partition"]) == (1, 1, 1)
        assert {**body, **body["data"]} == body
    first, second, third = (orjson.loads(event.body) for event in sink.told)
    assert (first["file_path"], first["original_filename"]) == (
        f"/uploads/{study_id()}", "IM0.dcm",
    )  # fmt: skip
    assert second["data"] == JUDGED
    assert third["data"] == ARCHIVED


async def test_what_a_state_tells_cannot_forge_the_envelope(world: World) -> None:
    await world.index.submissions.receive(a_submission())
    forged = {"study_id": "another", "event": "x", "sequence": -1, "data": 1, "id": "x"}
    await world.index.submissions.advance(
        study_id(), Advance(SubmissionState.VALIDATED, data=forged)
    )
    entry = (await world.index.feed(1, 1))[0]

    event = await Renderer("feed", world.index, locate).fact(entry, "study.validated")

    body = orjson.loads(event.body)
    assert (body["study_id"], body["event"], body["sequence"]) == (study_id(), event.type, 2)
    assert (body["data"], body["id"]) == (forged, event.event_id)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (EventFilter(types=("study.*",)), WAY),
        (EventFilter(types=("study.uploaded", "hilum.*")), ["study.uploaded"]),
        (EventFilter(types=("hilum.study.*",)), []),
        (EventFilter(types=("study.*",), sources=("upload",)), WAY),
        (EventFilter(types=("study.*",), sources=("stow",)), []),
        (EventFilter(types=("study.*",), modalities=("MR",)), WAY),
        (EventFilter(types=("study.*",), partitions=(PartitionKey(2),)), []),
    ],
)
async def test_a_subscription_chooses_among_them(
    world: World, wanted: EventFilter, told: list[str]
) -> None:
    sink = ScriptedSink()
    await go_the_way(world)
    await world.keep(1)

    async def world_is_told() -> bool:
        found = await world.index.delivery.subscriptions.get("all")
        return found is not None and found.cursor == 4

    async with world.delivering(("all", sink, wanted)):
        await until_asked(world_is_told)

    assert [each for each in sink.types if not each.startswith("hilum.")] == told


async def test_submissions_are_no_studies_that_come_to_rest(world: World) -> None:
    sink = ScriptedSink()
    await go_the_way(world)
    await world.keep(1)
    await go_the_way(world, 2)
    async with world.delivering(("all", sink, EVERYTHING), stable=Quiet(1.0)):
        await until(lambda: "hilum.study.stable.v1" in sink.types)

    (stable,) = [each for each in sink.told if each.type == "hilum.study.stable.v1"]
    assert stable.key == uids().study
    assert await world.index.delivery.watches.waiting() == 0


async def test_a_listener_to_a_study_hears_nothing_of_submissions(world: World) -> None:
    await go_the_way(world)
    entries = await world.index.feed(0, 10)

    of_study = Wish(EVERYTHING, frozenset({uids().study}), None, None)
    assert [of_study.wants(entry) for entry in entries] == [(), (), ()]
    everything = Wish(EVERYTHING, frozenset(), None, None)
    assert [list(everything.wants(entry)) for entry in entries] == [[name] for name in WAY]


async def test_the_feed_shows_which_submission_it_was_and_no_name_of_a_file(world: World) -> None:
    other = replace(POLICY, partition=PartitionKey(2))
    await world.index.submissions.receive(a_submission(policy=other))
    (entry,) = await world.index.feed(0, 10)

    shown = entry_fields(entry)

    assert entry.kind is FeedKind.STUDY_UPLOADED
    assert entry.partition == 2
    assert (shown["kind"], shown["studyId"], shown["round"]) == ("study-uploaded", study_id(), 1)
    assert b"IM0.dcm" not in orjson.dumps(shown)
