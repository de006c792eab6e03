"""Studies come to rest: after a quiet time, over restarts, by modality, in revisions."""

from typing import Any

import orjson

from hilum.domain.identifiers import DEFAULT_PARTITION
from hilum.domain.records import FeedKind
from hilum.ports.announcing import ExpectedStudy, StableBecause, StableStudy
from hilum.ports.delivery import Quiet
from tests.contract.index.kept import a_kept, uids
from tests.unit.delivery.world import EVERYTHING, ScriptedSink, World, until, until_asked

QUIET = Quiet(60.0, (("US", 300.0), ("CR", 5.0)), 600.0)


async def facts(world: World) -> list[dict[str, Any]]:
    page = await world.index.feed(0, 1000)
    return [
        orjson.loads(each.payload or "") | {"at": each.time, "study": each.uids.study}
        for each in page
        if each.kind is FeedKind.STUDY_STABLE
    ]


async def announced(world: World, count: int) -> list[dict[str, Any]]:
    async def enough() -> bool:
        return len(await facts(world)) >= count

    await until_asked(enough)
    return await facts(world)


async def test_a_study_at_rest_is_told_as_two_events(world: World) -> None:
    sink = ScriptedSink()
    await world.keep(1, 2)
    async with world.delivering(("all", sink, EVERYTHING), stable=QUIET):
        await until(lambda: len(sink.told) == 4)

    assert sink.types[2:] == ["hilum.study.stable.v1", "dicom.metadata.v1"]
    assert world.clock.seconds >= 60
    (fact,) = await facts(world)
    assert (fact["because"], fact["revision"], fact["number_of_instances"]) == ("quiet", 1, 2)


async def test_what_came_to_rest_while_nobody_ran_is_told_at_the_start(world: World) -> None:
    await world.keep(1)
    world.clock.seconds += 3600
    async with world.delivering(stable=QUIET):
        await announced(world, 1)
    async with world.delivering(stable=QUIET):
        later = world.clock.seconds + 600
        await until(lambda: world.clock.seconds > later)

    assert len(await facts(world)) == 1


async def test_a_restart_within_the_quiet_time_does_not_begin_it_anew(world: World) -> None:
    await world.keep(1)
    began = world.clock.seconds
    async with world.delivering(stable=QUIET):
        await until(lambda: world.clock.seconds > began + 20)
    async with world.delivering(stable=QUIET):
        (fact,) = await announced(world, 1)
    (entry, *_) = await world.index.feed(0, 1)
    assert (fact["at"] - entry.time).total_seconds() >= 60


async def test_the_quiet_time_is_that_of_the_slowest_modality(world: World) -> None:
    await world.index.commit([a_kept(uids(study=1), Modality="CR")])
    await world.index.commit([a_kept(uids(study=2), Modality="CT")])
    await world.index.commit(
        [
            a_kept(uids(study=3, series=1, instance=1), Modality="CR"),
            a_kept(uids(study=3, series=2, instance=2), Modality="US"),
        ]
    )
    async with world.delivering(stable=QUIET):
        told = await announced(world, 3)

    assert [each["study"] for each in told] == [uids(study=number).study for number in (1, 2, 3)]
    start = (await world.index.feed(0, 1))[0].time
    waited = [(each["at"] - start).total_seconds() for each in told]
    for seconds, quiet in zip(waited, (5, 60, 300), strict=True):
        assert seconds >= quiet


async def test_a_late_instance_opens_the_next_revision(world: World) -> None:
    async with world.delivering(stable=QUIET):
        await world.keep(1)
        await announced(world, 1)
        await world.keep(2)
        told = await announced(world, 2)

    assert [(each["revision"], each["number_of_instances"]) for each in told] == [(1, 1), (2, 2)]


async def test_what_its_source_announced_is_not_announced_again(world: World) -> None:
    study = uids().study
    await world.index.delivery.expect(ExpectedStudy(DEFAULT_PARTITION, study, "ward", "c-1"))
    await world.keep(1)
    said = StableStudy(DEFAULT_PARTITION, study, StableBecause.SOURCE, "c-1", "ward")
    assert await world.index.delivery.study_stable(said)
    async with world.delivering(stable=QUIET):
        later = world.clock.seconds + 2000
        await until(lambda: world.clock.seconds > later)

    (fact,) = await facts(world)
    assert (fact["because"], fact["source"]) == ("source", "ward")


async def test_the_expected_number_of_instances_ends_the_wait(world: World) -> None:
    async with world.delivering(stable=QUIET):
        await world.index.delivery.expect(
            ExpectedStudy(DEFAULT_PARTITION, uids().study, "ward", "c-1", 3)
        )
        await world.keep(1, 2, 3)
        (fact,) = await announced(world, 1)

    assert (fact["because"], fact["number_of_instances"]) == ("expected-count", 3)
