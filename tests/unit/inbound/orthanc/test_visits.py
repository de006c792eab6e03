"""What becomes of a study: kept, kept in part, unknown, tried again, given up."""

import asyncio
from pathlib import Path

import pytest

from hilum.domain.arrivals import ArrivalState
from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from hilum.domain.records import FeedKind
from tests.instances import STUDY, an_instance
from tests.peers.scripted_orthanc import ScriptedOrthanc, http, orthanc_id, scripted_orthanc
from tests.unit.inbound.orthanc.doors import a_house, until

STABLE, FAILED = FeedKind.STUDY_STABLE, FeedKind.INGESTION_FAILED


async def test_a_called_study_is_kept_whole_and_announced_once(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance(), an_instance(2_000_000), an_instance())

        await house.call(study, "my-own.id_1")

        arrival = await house.settled(study)
        assert (arrival.state, arrival.instances, arrival.kept) == (ArrivalState.KEPT, 3, 3)
        assert arrival.study == STUDY
        (told,) = await house.told(STABLE)
        assert (told["because"], told["source"]) == ("source", "main")
        assert (told["number_of_instances"], told["failed_instances"]) == (3, 0)
        assert {entry.correlation_id for entry in await house.feed()} == {"my-own.id_1"}
        assert (house.meter.successes, house.meter.failures) == (1, [])


async def test_calling_again_fetches_and_tells_nothing_again(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance())
        await house.call(study)
        await house.settled(study)
        fetched = peer.asked("/file")

        for number in range(5):
            await house.call(study, f"again-{number}")
            await house.settled(study)

        assert (fetched, peer.asked("/file")) == (1, 1)
        assert len(await house.told(STABLE)) == 1
        assert house.meter.successes == 1


async def test_a_late_instance_makes_another_state_and_another_event(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance())
        await house.call(study)
        await house.settled(study)
        (series,) = peer.studies[study].series.values()
        series[orthanc_id(7)] = an_instance()
        peer.studies[study].updated = "20260101T000001"

        await house.call(study, "later")
        await house.settled(study)

        first, second = await house.told(STABLE)
        assert (first["revision"], second["revision"]) == (1, 2)
        assert second["number_of_instances"] == 2
        assert second["correlation_id"] == "later"


async def test_only_the_series_that_changed_is_fetched_again(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance())
        peer.studies[study].series[orthanc_id(8)] = {
            orthanc_id(80): an_instance(SeriesInstanceUID=f"{STUDY}.8")
        }
        await house.call(study)
        await house.settled(study)
        peer.studies[study].series[orthanc_id(9)] = {
            orthanc_id(90): an_instance(SeriesInstanceUID=f"{STUDY}.9")
        }

        await house.call(study)
        await house.settled(study)

        # The scripted server tells one last update for all series, so only the new one differs.
        assert peer.asked("/file") == 3
        assert [each["number_of_instances"] for each in await house.told(STABLE)] == [2, 3]
        await house.call(study, force=True)
        await house.settled(study)
        assert peer.asked("/file") == 6


async def test_an_unknown_study_is_recorded_and_not_tried_again(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        await house.call(orthanc_id(5), "c-404")

        arrival = await house.settled(orthanc_id(5))

        assert arrival.state is ArrivalState.UNKNOWN
        assert "does not know" in arrival.error
        (letter,) = await house.told(FAILED)
        assert letter["source_id"] == orthanc_id(5)
        assert (letter["stage"], letter["correlation_id"]) == ("fetch", "c-404")
        asked = peer.asked("/studies/")
        await asyncio.sleep(0.3)
        assert peer.asked("/studies/") == asked == 1


async def test_calling_an_unknown_study_often_makes_one_dead_letter(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        for _ in range(3):
            await house.call(orthanc_id(5))
            await house.settled(orthanc_id(5))

        assert len(await house.told(FAILED)) == 1
        assert peer.asked("/studies/") == 3


async def test_what_cannot_be_kept_is_told_and_the_rest_is_kept_as_partial(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(
            1, STUDY, an_instance(), b"no DICOM at all", an_instance(StudyInstanceUID="9.9")
        )

        await house.call(study)

        arrival = await house.settled(study)
        assert (arrival.state, arrival.kept, arrival.failed) == (ArrivalState.PARTIAL, 1, 2)
        (stable,) = await house.told(STABLE)
        assert (stable["failed_instances"], stable["number_of_instances"]) == (2, 1)
        (letter,) = await house.told(FAILED)
        assert letter["study_instance_uid"] == STUDY
        assert len(letter["findings"]) == 2
        assert any("unreadable" in each or "not-dicom" in each for each in letter["findings"])
        assert house.meter.successes == 0
        await house.call(study)
        await house.settled(study)
        assert len(await house.told(FAILED)) == 1
        assert len(await house.told(STABLE)) == 1


async def test_a_study_of_which_nothing_can_be_kept_is_not_announced(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, b"damaged", b"too")

        await house.call(study)

        assert (await house.settled(study)).state is ArrivalState.FAILED
        assert await house.told(STABLE) == []
        assert house.meter.letters == ["Metadata parsing failure"]


async def test_an_instance_that_comes_at_the_third_attempt_is_kept(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance(), an_instance())
        refused = orthanc_id(15_001)

        def twice(path: str) -> bytes | None:
            return http(500, b"") if refused in path and peer.asked(refused) <= 2 else None

        peer.script = twice
        await house.call(study)

        arrival = await house.settled(study)
        assert (arrival.state, arrival.kept) == (ArrivalState.KEPT, 2)
        assert len(await house.told(STABLE)) == 1
        assert await house.told(FAILED) == []
        assert house.meter.failures == ["Metadata parsing failure"] * 2
        assert "status 500" in "".join(step.text for step in arrival.history)


async def test_an_instance_that_never_comes_is_given_up_after_the_attempts(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, {"poll": False}, attempts=3) as house,
    ):
        study = peer.add_study(1, STUDY, an_instance(), an_instance())
        refused = orthanc_id(15_001)
        peer.script = lambda path: http(500, b"") if refused in path else None

        await house.call(study)

        arrival = await house.settled(study)
        assert (arrival.state, arrival.kept, arrival.failed) == (ArrivalState.PARTIAL, 1, 1)
        assert peer.asked(refused) == 3
        (letter,) = await house.told(FAILED)
        assert (letter["attempt"], letter["stage"]) == (3, "fetch")


async def test_a_study_that_never_answers_well_is_given_up(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, {"poll": False}, attempts=2) as house,
    ):
        study = peer.add_study(1, STUDY, an_instance())
        peer.script = lambda path: http(200, b"[]") if "/studies/" in path else None

        await house.call(study)

        assert (await house.settled(study)).state is ArrivalState.FAILED
        assert peer.asked("/studies/") == 2
        assert len(await house.told(FAILED)) == 1


@pytest.mark.slow
async def test_an_outage_of_the_source_costs_no_attempt(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, {"poll": False}, attempts=2) as house,
    ):
        study = peer.add_study(1, STUDY, an_instance())
        peer.script = lambda _path: http(503, b"")
        await house.call(study)
        await until(lambda: _asked(peer, 8))

        peer.script = lambda _path: None

        assert (await house.settled(study)).state is ArrivalState.KEPT
        assert await house.told(FAILED) == []


async def _asked(peer: ScriptedOrthanc, times: int) -> bool:
    return len(peer.requests) >= times


@pytest.mark.parametrize("fault", [ArchiveFull("full"), ArchiveUnavailable("gone")])
async def test_an_outage_of_the_archive_is_told_and_never_given_up(
    tmp_path: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, {"poll": False}, attempts=2) as house,
    ):
        study = peer.add_study(1, STUDY, an_instance())

        async def fail(*_: object) -> None:
            raise fault

        with monkeypatch.context() as patch:
            patch.setattr(house.archive.objects, "put_once", fail)
            await house.call(study)
            await until(lambda: _fetched(peer, 5))

        arrival = await house.settled(study)
        assert arrival.state is ArrivalState.KEPT
        assert len(await house.told(STABLE)) == 1
        (letter,) = await house.told(FAILED)
        assert (letter["reason"], letter["stage"]) == ("Storage write failure", "storage")
        assert house.meter.letters == ["Storage write failure"]


async def _fetched(peer: ScriptedOrthanc, times: int) -> bool:
    return peer.asked("/file") >= times


async def test_an_instance_over_the_limit_is_not_fetched_to_its_end(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, {"poll": False}, instance_bytes=1_500_000) as house,
    ):
        study = peer.add_study(1, STUDY, an_instance(), an_instance(4_000_000))

        await house.call(study)

        assert (await house.settled(study)).state is ArrivalState.PARTIAL
        (letter,) = await house.told(FAILED)
        assert "orthanc.instance_bytes" in letter["message"]
        spool = tmp_path / "data" / "spool"
        assert [path for path in spool.rglob("*/*") if path.name.isdigit()] == []


async def test_a_study_that_still_grows_is_waited_for(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance(), stable=False)
        await house.call(study)
        await until(lambda: _asked(peer, 4))
        assert peer.asked("/file") == 0

        peer.studies[study].stable = True

        arrival = await house.settled(study)
        assert (arrival.state, arrival.attempts) == (ArrivalState.KEPT, 0)


async def test_an_instance_that_was_removed_meanwhile_is_no_failure(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        study = peer.add_study(1, STUDY, an_instance(), an_instance())
        (series,) = peer.studies[study].series.values()
        removed = orthanc_id(15_001)

        def remove(path: str) -> bytes | None:
            if removed not in path:
                return None
            series.pop(removed, None)
            return http(404, b"")

        peer.script = remove
        await house.call(study)

        arrival = await house.settled(study)
        assert (arrival.state, arrival.instances) == (ArrivalState.KEPT, 1)
        assert await house.told(FAILED) == []


async def test_a_bug_in_a_visit_stops_neither_the_others_nor_the_retries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url, {"poll": False}) as house:
        broken = peer.add_study(1, STUDY, an_instance())
        other = peer.add_study(2, "1.2.3", an_instance(StudyInstanceUID="1.2.3"))
        tell = house.archive.index.delivery.expect
        failures = 0

        async def fail_twice(expected: object) -> None:
            nonlocal failures
            if expected.study == STUDY and failures < 2:  # type: ignore[attr-defined]
                failures += 1
                raise RuntimeError("a bug")
            await tell(expected)  # type: ignore[arg-type]

        monkeypatch.setattr(
            type(house.archive.index.delivery), "expect", lambda _self, one: fail_twice(one)
        )
        await house.call(broken)
        await house.call(other)

        assert (await house.settled(other)).state is ArrivalState.KEPT
        assert (await house.settled(broken)).state is ArrivalState.KEPT
        assert failures == 2


async def test_the_memory_of_fetched_instances_is_bounded(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(
            tmp_path, peer.url, {"poll": False}, memory_instance_bytes=300_000, memory_bytes=300_000
        ) as house,
    ):
        files = [an_instance(200_000) for _ in range(12)]
        study = peer.add_study(1, STUDY, *files)

        await house.call(study)

        assert (await house.settled(study)).kept == 12
        assert peer.busiest == 1, "one at a time fits the budget"
