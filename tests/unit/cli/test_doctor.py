"""The doctor finds what is wrong and says how to mend it."""

import socket
from typing import Any

import pytest

from tests.integration.cli.conftest import Hilum
from tests.ports import free_port


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_HTTP__PORT", str(free_port()))
    monkeypatch.setenv("HILUM_DIMSE__PORT", "0")


def checks(hilum: Hilum) -> dict[str, Any]:
    return {check["subject"]: check for check in hilum("doctor", "--json").json["checks"]}


def test_a_sound_archive_is_healthy(hilum: Hilum) -> None:
    hilum("migrate")

    ran = hilum("doctor", "--json")

    assert ran.code == 0
    assert ran.json["healthy"]
    assert {check["state"] for check in ran.json["checks"]} <= {"ok", "note"}
    assert not list(hilum.data.glob(".hilum-doctor*"))


def test_a_first_start_is_healthy_and_changes_nothing(hilum: Hilum) -> None:
    ran = hilum("doctor")

    assert ran.code == 0
    assert not hilum.data.exists()


def test_a_port_in_use_is_told_with_its_owner(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HILUM_HTTP__PORT", str(taken.getsockname()[1]))
        found = checks(hilum)["HTTP port"]

    assert found["state"] == "wrong"
    assert "by process" in found["text"]
    assert "another port" in found["remedy"]


def test_a_damaged_index_is_found(hilum: Hilum) -> None:
    hilum("migrate")
    (hilum.data / "index.sqlite").write_bytes(b"garbage" * 1000)

    ran = hilum("doctor", "--json")

    assert ran.code == 1
    assert checks(hilum)["database"]["state"] == "wrong"


def test_objects_without_an_index_are_found(hilum: Hilum) -> None:
    series = hilum.data / "objects" / "1" / "ab" / "1.2" / "1.2.3"
    series.mkdir(parents=True)
    (series / "1.2.3.4.1.dcm").write_bytes(b"object")

    found = checks(hilum)["database"]

    assert (found["state"], found["remedy"]) == ("wrong", "run hilum rebuild")


def test_too_little_space_is_found(hilum: Hilum, monkeypatch: pytest.MonkeyPatch) -> None:
    hilum("migrate")
    monkeypatch.setenv("HILUM_STORAGE__RESERVE_BYTES", "1000 TiB")

    assert checks(hilum)["space"]["state"] == "wrong"


def test_a_data_folder_that_is_a_file_is_found(hilum: Hilum) -> None:
    hilum.data.write_text("a file")

    assert checks(hilum)["data folder"]["state"] == "wrong"


def test_settings_that_cannot_be_read_are_told_one_by_one(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HILUM_NONSENSE", "1")
    monkeypatch.setenv("HILUM_HTTP__PORT", "x")

    ran = hilum("doctor", "--json")

    wrong = [check for check in ran.json["checks"] if check["state"] == "wrong"]
    assert ran.code == 1
    assert len(wrong) == 2


def test_an_open_door_is_found(hilum: Hilum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_HTTP__HOST", "0.0.0.0")

    assert checks(hilum)["exposure"]["state"] == "wrong"


def test_http_in_the_clear_beyond_loopback_is_noted(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "encryption" not in checks(hilum)
    monkeypatch.setenv("HILUM_HTTP__HOST", "0.0.0.0")
    monkeypatch.setenv("HILUM_SECURITY__AUTHENTICATION", "required")

    found = checks(hilum)["encryption"]

    assert found["state"] == "note"
    assert "not encrypted" in found["text"]
