"""Following a list of changes: where it goes on, and what it finds out."""

from pathlib import Path

from hilum.domain.arrivals import ArrivalState
from hilum.domain.records import FeedKind
from tests.instances import an_instance
from tests.peers.scripted_orthanc import ScriptedOrthanc, http, orthanc_id, scripted_orthanc
from tests.unit.inbound.orthanc.doors import House, a_house, until


def fill(peer: ScriptedOrthanc, *numbers: int) -> list[str]:
    return [
        peer.add_study(number, f"1.2.{number}", an_instance(StudyInstanceUID=f"1.2.{number}"))
        for number in numbers
    ]


async def all_kept(house: House, number: int) -> bool:
    states = await house.states()
    return len(states) == number and set(states) == {ArrivalState.KEPT}


async def sequence(house: House) -> int:
    (cursor,) = await house.archive.index.arrivals.cursors()
    return cursor.sequence


async def test_what_was_there_and_what_comes_is_fetched(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        fill(peer, 1, 2, 3)
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 3))
            fill(peer, 4, 5)
            await until(lambda: all_kept(house, 5))

            assert len(await house.told(FeedKind.STUDY_STABLE)) == 5
            assert await sequence(house) == len(peer.changes)


async def test_what_was_there_can_be_left_alone(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        fill(peer, 1)
        async with a_house(tmp_path, peer.url, existing_studies=False) as house:
            await until(lambda: _polled(peer))
            fill(peer, 2)
            await until(lambda: all_kept(house, 1))


async def _polled(peer: ScriptedOrthanc) -> bool:
    return peer.asked("/changes?since") > 0


async def test_it_goes_on_where_it_was_without_reading_anything_twice(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        fill(peer, 1, 2)
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 2))
            reached = await sequence(house)
        fill(peer, 3)
        peer.requests.clear()
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 3))

        assert peer.asked("/studies?") == 0, "no resync"
        asked = [path for path in peer.requests if "/changes" in path]
        assert asked[0] == f"/changes?since={reached - 1}&limit=1"
        assert asked[1] == f"/changes?since={reached}&limit=500"
        assert peer.asked("/file") == 1


async def test_pages_are_read_one_after_the_other(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        source = {"changes_per_page": 3}
        async with a_house(tmp_path, peer.url, source) as house:
            await until(lambda: _polled(peer))
            fill(peer, *range(1, 12))

            await until(lambda: all_kept(house, 11))

            assert len(await house.told(FeedKind.STUDY_STABLE)) == 11


async def test_a_shorter_list_is_another_database(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        fill(peer, 1, 2, 3)
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 3))
            peer.studies.clear()
            peer.changes.clear()
            fill(peer, 4)

            await until(lambda: all_kept(house, 4))

            assert await sequence(house) == 2


async def test_a_list_that_says_something_else_is_another_database(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer:
        fill(peer, 1)
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 1))
        peer.studies.clear()
        peer.changes.clear()
        fill(peer, 7, 8, 9)  # longer than what was read: only the last entry read tells
        async with a_house(tmp_path, peer.url) as house:
            await until(lambda: all_kept(house, 4))


async def test_after_an_outage_studies_are_gone_through(tmp_path: Path) -> None:
    """An Orthanc that restarts forgets to say of studies in the making that they are stable."""
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url) as house:
        await until(lambda: _polled(peer))
        await peer.stop()
        fill(peer, 1, 2)
        peer.changes = [one for one in peer.changes if one["ChangeType"] == "NewStudy"]
        for number, change in enumerate(peer.changes, 1):
            change["Seq"] = number
        await until(lambda: _silent(house))
        await peer.start()

        await until(lambda: all_kept(house, 2))
        fetched = peer.asked("/file")
        await peer.stop()
        await until(lambda: _silent(house))
        await peer.start()
        await until(lambda: _works(house))
        await until(lambda: _resynced(house))

        assert peer.asked("/file") == fetched == 2, "what did not change is not fetched"


async def _silent(house: House) -> bool:
    return list(house.door.silent) == ["main"]


async def _works(house: House) -> bool:
    return not house.door.silent


async def _resynced(house: House) -> bool:
    (cursor,) = await house.archive.index.arrivals.cursors()
    return cursor.resync_after is None


async def test_a_study_that_only_began_is_looked_at_later(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, begun_seconds=0.5) as house,
    ):
        await until(lambda: _polled(peer))
        fill(peer, 1)
        peer.changes.pop()  # the word that it is stable is lost

        await until(lambda: all_kept(house, 1))


async def test_what_was_never_told_is_found_by_going_through_all_in_time(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, resync_seconds=0.5) as house,
    ):
        await until(lambda: _polled(peer))
        fill(peer, 1)
        peer.changes.clear()

        await until(lambda: all_kept(house, 1))


async def test_an_operator_can_have_everything_fetched_again(tmp_path: Path) -> None:
    async with (
        scripted_orthanc() as peer,
        a_house(tmp_path, peer.url, lease_seconds=5, studies_per_page=4) as house,
    ):
        fill(peer, *range(1, 11))
        await until(lambda: all_kept(house, 10))
        assert peer.asked("/file") == 10

        await house.archive.index.arrivals.ask_resync("main", force=True)

        await until(lambda: _fetched(peer, 20))
        await until(lambda: all_kept(house, 10))
        assert len(await house.told(FeedKind.STUDY_STABLE)) == 10


async def _failing(house: House) -> bool:
    return any(cursor.error for cursor in await house.archive.index.arrivals.cursors())


async def _fetched(peer: ScriptedOrthanc, number: int) -> bool:
    return peer.asked("/file") >= number


async def test_an_answer_that_is_wrong_moves_no_cursor(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url) as house:
        fill(peer, 1)
        await until(lambda: all_kept(house, 1))
        before = await sequence(house)
        peer.script = lambda path: http(200, b"{}") if "/changes" in path else None
        fill(peer, 2)
        await until(lambda: _silent(house))
        await until(lambda: _failing(house))  # noted after the door fell silent
        assert await sequence(house) == before
        (cursor,) = await house.archive.index.arrivals.cursors()
        assert "does not document" in cursor.error

        peer.script = lambda _path: None

        await until(lambda: all_kept(house, 2))


async def test_two_orthancs_are_followed_side_by_side(tmp_path: Path) -> None:
    async with scripted_orthanc() as one, scripted_orthanc() as two:
        fill(one, 1)
        fill(two, 2)
        sources = {
            "one": {"url": one.url, "poll_seconds": 0.05},
            "two": {"url": two.url, "poll_seconds": 0.05},
        }
        async with a_house(tmp_path, one.url, sources=sources) as house:
            await until(lambda: all_kept(house, 2))
            await two.stop()
            fill(one, 3)
            await until(lambda: all_kept(house, 3))

            told = await house.told(FeedKind.STUDY_STABLE)
            assert sorted((each["source"], each["study"]) for each in told) == [
                ("one", "1.2.1"),
                ("one", "1.2.3"),
                ("two", "1.2.2"),
            ]
            await two.start()


async def test_ids_that_are_none_are_never_asked_for(tmp_path: Path) -> None:
    async with scripted_orthanc() as peer, a_house(tmp_path, peer.url) as house:
        fill(peer, 1)
        await until(lambda: all_kept(house, 1))
        peer.change("StableStudy", "../system")
        peer.change("StableStudy", orthanc_id(3))

        await until(lambda: _unknown(house))

        assert not any("system" in path for path in peer.requests)


async def _unknown(house: House) -> bool:
    return ArrivalState.UNKNOWN in await house.states()
