"""The middleware's promises, with a real Orthanc, PostgreSQL and Kafka, and faults of each.

A modality sends with storescu; an independent consumer reads the topics. Every test has studies of
its own, so that none depends on another.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.middleware import World, a_world, stored, wait_for
from tests.acceptance.topics import METADATA, counted, in_order
from tests.event_schemas import MESSAGES, problems
from tests.instances import an_instance
from tests.peers.dcmtk import needs_dcmtk

pytestmark = [
    needs_dcmtk(),
    pytest.mark.peer("Orthanc"),
    pytest.mark.slow,
    pytest.mark.engine,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("middleware"),
]

_ROOT = "1.2.826.0.1.3680043.10.7"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("middleware")) as made:
        yield made


def test_what_is_sent_is_stored_byte_for_byte_and_announced_once(world: World) -> None:
    studies = [f"{_ROOT}.1.{number}" for number in range(4)]
    for study in studies:
        world.send(study, 5, PatientID=f"P-{study[-1]}")

    told = world.announced(*studies)

    assert counted(told) == dict.fromkeys(studies, 1)
    assert in_order(world.read(METADATA))
    for each in told:
        assert stored(each) == world.held_by_orthanc(each.key)
        assert len(stored(each)) == 5
    held = world.rows(
        'SELECT "StudyInstanceUID", number_of_series, number_of_instances FROM study '
        'WHERE "StudyInstanceUID" = ANY(%s)',
        studies,
    )
    assert sorted(held) == [(study, 2, 5) for study in studies]


def test_an_announcement_has_the_fields_of_its_contract(world: World) -> None:
    study = f"{_ROOT}.2"
    world.send(study, 2, PatientID="P-2", StudyDate="20240301")

    (told,) = world.announced(study)

    assert (told.topic, told.key) == (METADATA, study)
    assert problems(_message(METADATA), told.body) == []
    body = told.body
    assert (body["patient_id"], body["modality"], body["study_date"]) == ("P-2", "CT", "20240301")
    assert body["storage_path"].startswith("file://")
    assert (body["revision"], body["because"], body["partial"]) == (1, "source", False)
    arrival = world.arrival_of(study)
    assert arrival is not None
    assert body["correlation_id"] == told.headers["correlation_id"] == arrival["correlation_id"]
    assert told.headers["event_id"] == body["event_id"]
    assert told.headers["event_type"] == METADATA
    rows = world.rows("SELECT DISTINCT correlation_id FROM feed WHERE study_instance_uid=%s", study)
    assert rows == [(body["correlation_id"],)]


def test_calls_for_a_known_study_announce_nothing_and_a_late_instance_a_revision(
    world: World,
) -> None:
    study = f"{_ROOT}.3"
    world.send(study, 2)
    (first,) = world.announced(study)
    call = json.dumps({"ID": world.source_id(study)}).encode()

    for _ in range(10):
        assert world.call(call)[0] == 202
    wait_for(lambda: world.state_of(study) == "kept")
    assert counted(world.announced(study)) == {study: 1}

    world.send(study, 1, first=9)
    wait_for(lambda: len(world.announced(study)) > 1)
    _, second = world.announced(study)
    assert (first.body["revision"], second.body["revision"]) == (1, 2)
    assert stored(second) == world.held_by_orthanc(study)


def test_what_cannot_be_kept_is_a_dead_letter_and_the_rest_announced_as_partial(
    world: World,
) -> None:
    study = f"{_ROOT}.4"
    world.send_files([_damaged(world, study, 9), *(_sound(world, study, at) for at in range(3))])

    (told,) = world.announced(study)
    (letter,) = world.letters(world.source_id(study))

    assert (told.body["partial"], told.body["failed_instances"]) == (True, 1)
    held = world.held_by_orthanc(study)
    assert len(held) == 4
    del held[f"{study}.2.9"]
    assert stored(told) == held
    assert problems(_message("dicom.metadata.dlq", "findings"), letter.body) == []
    assert letter.key == letter.body["study_instance_uid"] == study
    assert letter.body["error_reason"] == "Schema validation failure"
    assert letter.body["stage"] == "validate"
    (finding,) = letter.body["findings"]
    assert "0008,0020" in finding
    assert "Feb 29th" not in json.dumps(letter.body), "values of the data set stay out"
    assert letter.headers["correlation_id"] == letter.body["correlation_id"]
    assert letter.body["correlation_id"] == told.body["correlation_id"]
    assert world.state_of(study) == "partial"


def test_an_unknown_study_is_recorded_and_not_asked_for_again(world: World) -> None:
    unknown = "-".join(["0badc0de"] * 5)

    status, answer = world.call(
        json.dumps({"ID": unknown}).encode(), **{"X-Correlation-ID": "no-such.study_1"}
    )

    assert (status, answer["status"]) == (202, "accepted")
    (letter,) = world.letters(unknown)
    assert letter.body["error_class"] == "unknown-at-source"
    assert "404" in letter.body["message"]
    assert letter.body["correlation_id"] == answer["correlation_id"] == "no-such.study_1"
    (arrival,) = world.arrivals(source_id=unknown)
    assert (arrival["state"], arrival["due"]) == ("unknown", None), "nothing will look again"
    assert len(world.letters(unknown)) == 1


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b"{}", b'{"ID": "../etc"}'])
def test_a_malformed_call_is_refused_and_leaves_nothing(world: World, body: bytes) -> None:
    before = len(world.arrivals())

    status, answer = world.call(body)

    assert status == 422
    assert {"type", "title", "status", "detail", "correlation_id", "errors"} <= set(answer)
    assert len(world.arrivals()) == before


def test_calls_share_the_connections_to_postgresql(world: World) -> None:
    call = json.dumps({"ID": "-".join(["0ddba11a"] * 5)}).encode()
    world.call(call)
    before = _backends(world)

    for _ in range(40):
        assert world.call(call)[0] == 202

    assert before
    assert len(_backends(world) - before) < 10


def test_a_killed_orthanc_is_followed_from_where_it_was(world: World) -> None:
    studies = [f"{_ROOT}.5.{number}" for number in range(6)]
    for study in studies[:4]:
        world.send(study, 12)
    wait_for(lambda: any(world.state_of(study) == "kept" for study in studies))
    read = _cursor(world)

    world.orthanc.own.kill()
    wait_for(lambda: "Waits for" in _component(world, "orthanc"))
    world.orthanc.own.start()
    for study in studies[4:]:
        world.send(study, 3)

    told = world.announced(*studies)
    assert counted(told) == dict.fromkeys(studies, 1)
    assert all(stored(each) == world.held_by_orthanc(each.key) for each in told)
    assert _cursor(world) > read
    begun = re.findall(r"orthanc_followed|orthanc_database_replaced", world.hilum.log_text)
    assert begun == ["orthanc_followed"], "it went on from its cursor and began nowhere anew"


def test_an_outage_of_kafka_costs_delay_and_neither_events_nor_their_order(world: World) -> None:
    studies = [f"{_ROOT}.6.{number}" for number in range(4)]
    unknown = "-".join(["deadbeef"] * 5)
    world.kafka.kill()
    for study in studies:
        world.send(study, 2)
        wait_for(lambda study=study: world.state_of(study) == "kept")  # type: ignore[misc]
    world.call(json.dumps({"ID": unknown}).encode())
    wait_for(lambda: bool(world.arrivals(source_id=unknown, state="unknown")))
    wait_for(lambda: "middleware" in _component(world, "delivery"))
    assert world.ask("/ready")[0] == 200, "it works on, and says for whom it waits"

    world.kafka.start()

    told = world.announced(*studies)
    assert counted(told) == dict.fromkeys(studies, 1)
    by_feed = sorted(told, key=lambda each: each.body["sequence"])
    assert [each.key for each in by_feed] == studies
    assert in_order(world.read(METADATA))
    assert len(world.letters(unknown)) == 1
    agreed = world.hilum.run("reconcile")
    assert agreed.returncode == 0, agreed.stdout


def test_health_is_alive_and_ready_is_not_while_postgresql_is_away(world: World) -> None:
    assert world.ask("/health") == (200, {"status": "ok"})
    assert world.ask("/ready")[0] == 200

    world.postgres.kill()
    try:
        wait_for(lambda: world.ask("/ready")[0] == 503)
        components = {each["name"]: each for each in world.ask("/ready")[1]["components"]}
        assert components["database"]["status"] == "not ready"
        status, answer = world.ask("/health/check")
        assert (status, answer["overallStatus"]) == (503, "Unhealthy")
        assert world.ask("/health") == (200, {"status": "ok"})
        status, answer = world.call(json.dumps({"ID": "-".join(["00c0ffee"] * 5)}).encode())
        assert status == 503, "what is not noted durably is not accepted"
        assert {"type", "title", "status", "detail", "correlation_id"} <= set(answer)
    finally:
        world.postgres.start()

    wait_for(lambda: world.ask("/ready")[0] == 200)
    study = f"{_ROOT}.7"
    world.send(study, 2)
    assert counted(world.announced(study)) == {study: 1}


def test_a_replayed_dead_letter_is_ingested_by_the_workers_that_run(world: World) -> None:
    study = f"{_ROOT}.8"
    files = [_sound(world, study, 1), _damaged(world, study, 2)]
    world.send_files(files)
    world.announced(study)
    source_id = world.source_id(study)
    world.letters(source_id)
    (letter,) = world.open_letters(source_id)

    _replay(world, letter["key"])
    wait_for(lambda: len(world.letters(source_id)) > 1)
    (again,) = world.open_letters(source_id)
    assert again["key"] == letter["key"], "it failed as before, and nobody has dealt with that"
    assert counted(world.announced(study)) == {study: 1}

    try:
        world.demand("standard")
        assert world.hilum.stop() == 0
        world.hilum.start()
        _replay(world, letter["key"])
        wait_for(lambda: world.state_of(study) == "kept")
    finally:
        world.demand("strict")
    assert world.open_letters(source_id) == []
    _, whole = world.announced(study)
    assert (whole.body["revision"], whole.body["partial"]) == (2, False)
    assert stored(whole) == world.held_by_orthanc(study)
    assert len(world.letters(source_id)) == 2


def _replay(world: World, key: int) -> None:
    done = world.hilum.run("feed", "dead-letters", "replay", str(key), "--reason", "a test")
    assert done.returncode == 0, done.stderr
    assert "1 dead letter will be tried again" in done.stdout


def _sound(world: World, study: str, number: int, series: int = 1) -> Path:
    path = world.folder / f"{study}.{number}.dcm"
    path.write_bytes(
        an_instance(
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.{series}",
            SOPInstanceUID=f"{study}.{series}.{number}",
            StudyDate="20240229",
        )
    )
    return path


def _damaged(world: World, study: str, number: int) -> Path:
    """One that DCMTK and Orthanc pass on and that the profile `strict` refuses."""
    path = _sound(world, study, number, series=2)
    path.write_bytes(path.read_bytes().replace(b"20240229", b"Feb 29th"))
    return path


def _message(name: str, field: str = "") -> dict[str, object]:
    (found,) = [
        each
        for each in MESSAGES.values()
        if each["name"] == name and (not field or field in each["examples"][0]["payload"])
    ]
    return found


def _backends(world: World) -> set[int]:
    """Processes of the server that have a connection of somebody else."""
    sql = "SELECT pid FROM pg_stat_activity WHERE client_port > 0 AND pid <> pg_backend_pid()"
    return {pid for (pid,) in world.rows(sql)}


def _cursor(world: World) -> int:
    ((sequence,),) = world.rows("SELECT sequence FROM source_cursor")
    return int(sequence)


def _component(world: World, name: str) -> str:
    components = world.ask("/ready")[1]["components"]
    (found,) = [each["description"] for each in components if each["name"] == name]
    return str(found)
