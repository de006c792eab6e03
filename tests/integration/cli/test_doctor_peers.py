"""The doctor asks the bus, sinks and Orthancs, says what to mend, and tells no password."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.engines import address
from tests.integration.cli.conftest import Hilum
from tests.ports import free_port

PASSWORD = "sEcReT/p4ss"
QUOTED = "sEcReT%2Fp4ss"


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_HTTP__PORT", str(free_port()))
    monkeypatch.setenv("HILUM_DIMSE__PORT", "0")


def checks(hilum: Hilum) -> dict[str, Any]:
    ran = hilum("doctor", "--json")
    said = ran.out + ran.err + hilum("doctor").out
    assert PASSWORD not in said
    assert QUOTED not in said
    return {check["subject"]: check for check in ran.json["checks"]}


@contextmanager
def orthanc(status: int) -> Iterator[str]:
    """Answers `/changes?last` with this status; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"Changes": [], "Done": True, "Last": 17}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_doctor_has_nothing_to_ask_where_nothing_is_configured(hilum: Hilum) -> None:
    assert not {name for name in checks(hilum) if name.startswith(("bus", "sink", "Orthanc"))}


@pytest.mark.parametrize("scheme", ["kafka", "amqp", "redis"])
def test_a_broker_that_is_away_is_told_with_what_to_mend(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    url = f"{scheme}://somebody:{QUOTED}@127.0.0.1:{free_port()}"
    monkeypatch.setenv("HILUM_BUS__URL", url)
    monkeypatch.setenv("HILUM_BUS__REQUEST_SECONDS", "1")
    sink = {"url": url, "connect_seconds": 1}
    monkeypatch.setenv("HILUM_SINKS", json.dumps({"events": sink}))

    found = checks(hilum)

    assert found["bus"]["state"] == found["sink events"]["state"] == "wrong"
    assert "127.0.0.1" in found["bus"]["text"]
    assert "bus.url" in found["bus"]["remedy"]
    assert "sinks.events" in found["sink events"]["remedy"]


def test_a_redis_that_answers_is_well(hilum: Hilum, monkeypatch: pytest.MonkeyPatch) -> None:
    url = address("redis")
    monkeypatch.setenv("HILUM_BUS__URL", url)
    monkeypatch.setenv("HILUM_SINKS", json.dumps({"events": {"url": url, "deliver": "channel"}}))
    subscriptions = [{"name": "all", "sink": "events"}, {"name": "lost", "sink": "nowhere"}]
    monkeypatch.setenv("HILUM_DELIVERY__SUBSCRIPTIONS", json.dumps(subscriptions))

    found = checks(hilum)

    assert (found["bus"]["state"], found["sink events"]["state"]) == ("ok", "ok")
    assert "told by: all" in found["sink events"]["text"]
    assert found["subscription lost"]["state"] == "wrong"
    assert "nowhere" in found["subscription lost"]["text"]


def test_a_file_is_looked_at_and_not_opened(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good, bad = tmp_path / "events.jsonl", tmp_path / "not-there" / "events.jsonl"
    good.write_bytes(b'{"half a line')
    sinks = {"good": {"url": good.as_uri()}, "bad": {"url": bad.as_uri()}}
    monkeypatch.setenv("HILUM_SINKS", json.dumps(sinks))

    found = checks(hilum)

    assert (found["sink good"]["state"], found["sink bad"]["state"]) == ("ok", "wrong")
    assert good.read_bytes() == b'{"half a line'


def test_a_hook_at_an_address_that_is_not_allowed_is_told(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = {"url": f"https://127.0.0.1:{free_port()}/hook", "secret": PASSWORD}
    monkeypatch.setenv("HILUM_SINKS", json.dumps({"ward": hook}))

    found = checks(hilum)["sink ward"]

    assert found["state"] == "wrong"
    assert "allowed_networks" in found["text"]


@pytest.mark.parametrize(
    ("status", "state", "words"), [(200, "ok", "change 17"), (401, "wrong", "password")]
)
def test_an_orthanc_is_asked_for_what_following_it_needs(
    hilum: Hilum, monkeypatch: pytest.MonkeyPatch, status: int, state: str, words: str
) -> None:
    with orthanc(status) as url:
        source = {"url": url, "username": "hilum", "password": PASSWORD}
        monkeypatch.setenv("HILUM_ORTHANC__SOURCES", json.dumps({"main": source}))

        found = checks(hilum)["Orthanc main"]

    assert found["state"] == state
    assert words in found["text"] + found["remedy"]
