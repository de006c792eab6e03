"""The doctor finds what is wrong and says how to mend it."""

import re
import resource
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


@pytest.mark.parametrize(
    ("place", "said", "remedy"),
    [
        ("127.0.0.1:1", "nothing listens there", "start that server"),
        ("name.invalid:5432", "name of the database server cannot be resolved", "database.url"),
        ("127.0.0.1:99999", "not one from 1 to 65535", "database.url"),
        ("127.0.0.1:web", "not one from 1 to 65535", "database.url"),
        ("127.0.0.1:{silent}", "may be no PostgreSQL server", "start that server"),
        ("127.0.0.1:{web}", "no PostgreSQL server", "start that server"),
    ],
)
def test_a_database_out_of_reach_is_told_with_its_place_and_is_not_to_be_rebuilt(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, place: str, said: str, remedy: str
) -> None:
    with _answering(b"") as silent, _answering(b"HTTP/1.1 400 No\r\n\r\n") as web:
        place = place.format(silent=silent, web=web)
        monkeypatch.setenv("HILUM_DATABASE__URL", f"postgresql://me:sEcReT@{place}/images")
        found = checks(hilum)["database"]
        ran = hilum("fsck")

    assert found["state"] == "wrong"
    assert said in found["text"]
    assert remedy in found["remedy"]
    assert "rebuild" not in found["remedy"]
    assert said in ran.err
    for text in (found["text"], ran.err):
        assert "database.url" in text
        assert "sEcReT" not in text
        assert f"{place}, database images" in text


@contextmanager
def _answering(words: bytes) -> Iterator[int]:
    """The port of a server that says this to whatever it is told, and hangs up."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(words)

    with socketserver.TCPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_the_limit_of_open_files_is_to_be_raised_far_enough(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    found = checks(hilum)["limits"]

    assert found["state"] == "note"
    (advised,) = re.findall(r"ulimit -n (\d+)", found["remedy"])
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, int(advised)))
    assert checks(hilum)["limits"]["state"] == "ok"
