"""The whole way: storescu, a real Orthanc, a real Hilum process, and what is told into a file."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.orthanc.middleware import (
    LUA,
    arrivals,
    call,
    environment,
    events,
    files,
    settled,
    wait_for,
)
from tests.peers.dcmtk import needs_dcmtk
from tests.peers.orthanc import OrthancPeer, an_orthanc
from tests.ports import free_port
from tests.served import ServedHilum

pytestmark = [needs_dcmtk(), pytest.mark.peer("Orthanc"), pytest.mark.xdist_group("orthanc")]

METADATA, LETTER = "dicom.metadata.v1", "dicom.metadata.dlq"


@pytest.fixture(scope="module")
def orthanc() -> Iterator[OrthancPeer]:
    with an_orthanc() as peer:
        yield peer


@pytest.fixture
def empty_orthanc(orthanc: OrthancPeer) -> OrthancPeer:
    orthanc.empty()
    return orthanc


def a_hilum(
    tmp_path: Path, url: str, *, poll: bool = True, settings: dict[str, str] | None = None
) -> ServedHilum:
    """`settings` of the section `orthanc`, by the end of their variables."""
    more = {f"HILUM_ORTHANC__{name}": value for name, value in (settings or {}).items()}
    return ServedHilum(tmp_path, **environment(url, tmp_path, poll=poll), **more)


def announced(folder: Path) -> Counter[str]:
    return Counter(event["key"] for event in events(folder, METADATA))


def test_what_a_modality_sends_is_kept_and_announced_once(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    with a_hilum(tmp_path, empty_orthanc.url) as hilum:
        for number in range(3):
            sent = empty_orthanc.send(files(tmp_path / "in", f"1.2.3.{number}", 4))
            assert sent.exit_code == 0, sent.output
        wait_for(lambda: settled(hilum, 3))
        wait_for(lambda: len(announced(tmp_path)) == 3)

        assert {each["state"] for each in arrivals(hilum)} == {"kept"}
        assert {each["kept"] for each in arrivals(hilum)} == {4}
        assert set(announced(tmp_path).values()) == {1}
        for event in events(tmp_path, METADATA):
            (arrival,) = [
                each for each in arrivals(hilum) if each["study_instance_uid"] == event["key"]
            ]
            assert event["correlation_id"] == arrival["correlation_id"]
            body = event["body"]
            assert body["study_instance_uid"] == event["key"]
            assert (body["patient_id"], body["modality"]) == ("P-1", "CT")
            assert body["storage_path"].startswith("file://")
        found = hilum.get_json("/dicom-web/studies/1.2.3.0/metadata")
        assert isinstance(found, list)
        assert len(found) == 4


def test_a_late_instance_is_announced_as_another_state(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    with a_hilum(tmp_path, empty_orthanc.url) as hilum:
        made = files(tmp_path / "in", "1.2.4", 3)
        empty_orthanc.send(made[:2])
        wait_for(lambda: announced(tmp_path)["1.2.4"] == 1)
        empty_orthanc.send(made[:2])  # the same again: Orthanc says that it is stable once more
        empty_orthanc.send(made)

        wait_for(lambda: announced(tmp_path)["1.2.4"] == 2)

        assert arrivals(hilum)[0]["kept"] == 3


def test_the_lua_script_tells_of_a_study_before_the_poller_looks(tmp_path: Path) -> None:
    port = free_port()
    script = tmp_path / "hilum.lua"
    script.write_text(LUA.read_text().replace("http://127.0.0.1:8080", f"http://127.0.0.1:{port}"))
    with an_orthanc(LuaScripts=[str(script)]) as peer:
        hilum = a_hilum(tmp_path, peer.url, poll=False)
        hilum.port = port
        with hilum:
            peer.send(files(tmp_path / "in", "1.2.5", 2))

            wait_for(lambda: settled(hilum, 1))

            (arrival,) = arrivals(hilum)
            assert arrival["state"] == "kept"
            history = hilum.get_json(f"/api/v1/ingestion/arrivals/{arrival['key']}")
            assert isinstance(history, dict)
            assert history["history"][0]["text"] == "webhook"
            wait_for(lambda: announced(tmp_path) == {"1.2.5": 1})


def test_a_webhook_and_the_poller_make_one_event(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    with a_hilum(tmp_path, empty_orthanc.url) as hilum:
        empty_orthanc.send(files(tmp_path / "in", "1.2.6", 2))
        (study,) = empty_orthanc.get("/studies")

        status, answer, header = call(hilum, {"ID": study}, **{"X-Correlation-ID": "case_1.a-B"})

        assert (status, answer["status"], header) == (202, "accepted", "case_1.a-B")
        for _ in range(20):
            assert call(hilum, {"ID": study, "Path": f"/studies/{study}"})[0] == 202
        wait_for(lambda: settled(hilum, 1))
        call(hilum, {"ID": study})
        wait_for(lambda: settled(hilum, 1))
        wait_for(lambda: announced(tmp_path) == {"1.2.6": 1})


def test_a_restart_of_orthanc_in_between_loses_nothing(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    with a_hilum(tmp_path, empty_orthanc.url, settings={"BEGUN_SECONDS": "4"}) as hilum:
        empty_orthanc.send(files(tmp_path / "in", "1.2.7", 2))
        wait_for(lambda: settled(hilum, 1))
        empty_orthanc.send(files(tmp_path / "in", "1.2.8", 2))
        empty_orthanc.restart_at_once()  # before it could say that the study is stable
        empty_orthanc.send(files(tmp_path / "in", "1.2.9", 2))

        wait_for(lambda: settled(hilum, 3))

        wait_for(lambda: announced(tmp_path) == {"1.2.7": 1, "1.2.8": 1, "1.2.9": 1})


def test_another_database_under_the_address_is_gone_through(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    with a_hilum(tmp_path, empty_orthanc.url) as hilum:
        empty_orthanc.send(files(tmp_path / "in", "1.2.10", 2))
        wait_for(lambda: settled(hilum, 1))
        empty_orthanc.empty()
        empty_orthanc.send(files(tmp_path / "in", "1.2.11", 1))

        wait_for(lambda: settled(hilum, 2))

        wait_for(lambda: announced(tmp_path) == {"1.2.10": 1, "1.2.11": 1})


def test_an_instance_orthanc_lost_is_told_and_the_rest_announced_as_partial(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    hilum = a_hilum(tmp_path, empty_orthanc.url, settings={"ATTEMPTS": "2"})
    empty_orthanc.send(files(tmp_path / "in", "1.2.12", 3))
    (study,) = empty_orthanc.get("/studies")
    empty_orthanc.wait_until_stable(study)
    for path in (empty_orthanc.own.place.data / "storage").rglob("*"):
        if path.is_file() and b"1.2.12.1.1" in path.read_bytes():
            path.write_bytes(b"damaged" * 100)
    empty_orthanc.restart()  # it keeps what it served or received last in memory
    with hilum:
        wait_for(lambda: settled(hilum, 1))

        (arrival,) = arrivals(hilum)
        assert (arrival["state"], arrival["kept"], arrival["failed"]) == ("partial", 2, 1)
        wait_for(lambda: len(events(tmp_path, LETTER)) == 1)
        (letter,) = events(tmp_path, LETTER)
        assert letter["body"]["original_payload"]["orthanc_study_id"] == study
        assert letter["body"]["error_reason"] == "Metadata parsing failure"
        assert letter["body"]["correlation_id"] == arrival["correlation_id"]
        wait_for(lambda: announced(tmp_path) == {"1.2.12": 1})


def test_a_kill_of_hilum_in_the_middle_loses_and_repeats_nothing(
    empty_orthanc: OrthancPeer, tmp_path: Path
) -> None:
    made = [path for number in range(12) for path in files(tmp_path / "in", f"1.2.13.{number}", 12)]
    assert empty_orthanc.send(made).exit_code == 0
    for study in empty_orthanc.get("/studies"):
        empty_orthanc.wait_until_stable(study)
    hilum = a_hilum(tmp_path, empty_orthanc.url)
    with hilum:
        for kept in (1, 4, 8):
            wait_for(lambda kept=kept: len(arrivals(hilum, state="kept")) >= kept)  # type: ignore[misc]
            hilum.kill()
            hilum.start()
        wait_for(lambda: settled(hilum, 12))
        wait_for(lambda: len(announced(tmp_path)) == 12)

        assert {each["kept"] for each in arrivals(hilum)} == {12}
        ids = {(each["key"], each["event_id"]) for each in events(tmp_path, METADATA)}
        assert len(ids) == 12, "a repeat after a crash carries the same event id"
        counts = hilum.get_json("/api/v1/statistics")
        assert isinstance(counts, dict)
        assert (counts["studies"], counts["instances"]) == (12, 144)
        stopped = hilum.stop()
        assert stopped == 0
        checked = hilum.run("fsck")
        assert checked.returncode == 0, checked.stdout
        shutil.rmtree(hilum.data)
