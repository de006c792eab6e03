"""What the facts about studies look like as events."""

import uuid

import orjson

from hilum.delivery.rendering import METADATA, METADATA_DLQ, STUDY_STABLE, Renderer
from hilum.domain.identifiers import DEFAULT_PARTITION
from hilum.domain.records import FeedKind
from hilum.ports.announcing import IngestionFailure, StableBecause, StableStudy
from tests.contract.index.kept import a_kept, uids
from tests.unit.delivery.world import World, locate

SPEC = {
    "correlation_id",
    "study_instance_uid",
    "patient_id",
    "modality",
    "study_date",
    "storage_path",
    "timestamp",
}
"""The fields that consumers of the Orthanc middleware know."""


def stable(failed: int = 0) -> StableStudy:
    study = uids().study
    return StableStudy(DEFAULT_PARTITION, study, StableBecause.SOURCE, "corr-1", "ward", failed)


async def renderer(world: World, listed: int = 1000) -> Renderer:
    return Renderer(await world.index.feed_id(), world.index, locate, listed)


async def keep(world: World) -> None:
    named = {"PatientID": "P-1", "StudyDate": "20240229"}
    await world.index.commit(
        [
            a_kept(uids(series=1, instance=1), Modality="CT", **named),
            a_kept(uids(series=2, instance=2), Modality="SR", **named),
            a_kept(uids(series=1, instance=3), Modality="CT", **named),
        ]
    )


async def test_a_study_is_told_with_the_fields_that_consumers_know(world: World) -> None:
    await keep(world)
    await world.index.delivery.study_stable(stable(failed=1))
    entry = (await world.index.feed(3, 1))[0]

    event = await (await renderer(world)).fact(entry, METADATA)

    body = orjson.loads(event.body)
    assert set(body) >= SPEC
    assert body["correlation_id"] == event.correlation_id == "corr-1"
    assert body["study_instance_uid"] == event.key == uids().study
    assert (body["patient_id"], body["modality"], body["study_date"]) == ("P-1", "CT", "20240229")
    assert body["storage_path"] == f"file:///objects/1/{uids().study}/"
    assert body["modalities"] == ["CT", "SR"]
    assert (body["number_of_instances"], body["instances_complete"]) == (3, True)
    paths = [each["storage_path"] for each in body["instances"]]
    assert len(set(paths)) == 3
    assert all(path.startswith(body["storage_path"]) for path in paths)
    assert (body["partial"], body["failed_instances"], body["source"]) == (True, 1, "ward")
    assert (body["revision"], body["because"]) == (1, "source")


async def test_a_long_study_is_listed_in_part_and_says_so(world: World) -> None:
    await keep(world)
    await world.index.delivery.study_stable(stable())
    entry = (await world.index.feed(3, 1))[0]

    for listed, shown, complete in ((2, 2, False), (3, 3, True), (0, 0, False)):
        event = await (await renderer(world, listed)).fact(entry, METADATA)
        body = orjson.loads(event.body)
        assert (len(body["instances"]), body["instances_complete"]) == (shown, complete)
        assert body["number_of_instances"] == 3


async def test_instances_that_came_later_belong_to_the_next_revision(world: World) -> None:
    await keep(world)
    await world.index.delivery.study_stable(stable())
    entry = (await world.index.feed(3, 1))[0]
    await world.keep(9)

    body = orjson.loads((await (await renderer(world)).fact(entry, METADATA)).body)

    assert len(body["instances"]) == body["number_of_instances"] == 3


async def test_a_stable_study_is_told_without_patient_data(world: World) -> None:
    await keep(world)
    await world.index.delivery.study_stable(stable())
    entry = (await world.index.feed(3, 1))[0]
    assert entry.kind is FeedKind.STUDY_STABLE

    event = await (await renderer(world)).fact(entry, STUDY_STABLE)

    assert b"P-1" not in event.body
    assert b"patient" not in event.body
    assert orjson.loads(event.body)["number_of_series"] == 2


async def test_a_failed_ingestion_is_told_with_the_fields_that_consumers_know(
    world: World,
) -> None:
    failure = IngestionFailure(
        "ward",
        "abc-def",
        "Storage write failure",
        "keep",
        "ArchiveFull",
        "No space.",
        3,
        "corr-2",
        uids().study,
        ("no-pixels",),
    )
    await world.index.delivery.ingestion_failed(failure)
    (entry,) = await world.index.feed(0, 10)

    event = await (await renderer(world)).fact(entry, METADATA_DLQ)

    body = orjson.loads(event.body)
    assert body["original_payload"] == {"orthanc_study_id": "abc-def"}
    assert (body["error_reason"], body["correlation_id"]) == ("Storage write failure", "corr-2")
    assert (body["stage"], body["error_class"], body["attempt"]) == ("keep", "ArchiveFull", 3)
    assert body["first_seen"]
    assert body["failed_at"]
    assert (body["study_instance_uid"], body["findings"]) == (uids().study, ["no-pixels"])


async def test_ids_tell_feeds_entries_and_types_apart(world: World) -> None:
    one, other = (Renderer(name, world.index, locate) for name in ("one", "other"))

    made = {
        each.event_id(sequence, event_type)
        for each in (one, other)
        for sequence in (1, 2)
        for event_type in (METADATA, STUDY_STABLE)
    }

    assert len(made) == 8
    assert one.event_id(1, METADATA) == Renderer("one", world.index, locate).event_id(1, METADATA)
    assert uuid.UUID(one.event_id(1, METADATA)).version == 5
