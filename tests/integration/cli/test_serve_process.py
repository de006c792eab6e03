"""`hilum` as a process of its own: signals, ports, crashes, two at once."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Hilum
from tests.ports import free_port

pytestmark = pytest.mark.slow


def start(*arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "hilum", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HILUM_LOGGING__LEVEL": "error"},
    )


def serve(data: Path, port: int, *options: str) -> "subprocess.Popen[str]":
    """Start a server and wait until it says that it is ready."""
    process = start("serve", "--data", data, "--port", str(port), "--dimse-port", "0", *options)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("Hilum is ready: http://127.0.0.1:"), line + process.stderr.read()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_ends_well_when_it_is_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    server = serve(tmp_path / "data", 0)

    server.send_signal(number)
    _, err = server.communicate(timeout=60)

    assert server.returncode == 0
    assert "Traceback" not in err


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    port = free_port()
    server = serve(tmp_path / "data", port)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        # A body that never comes keeps the graceful end waiting.
        slow.sendall(
            b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/related; "
            b'type="application/dicom"; boundary=b\r\nContent-Length: 1000000\r\n\r\n--b\r\n'
        )
        server.send_signal(signal.SIGINT)
        assert server.stderr is not None
        while "once more ends at once" not in (line := server.stderr.readline()):
            assert line

        server.send_signal(signal.SIGINT)
        server.communicate(timeout=10)

    assert server.returncode == 130


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        http = start("serve", "--data", tmp_path / "a", "--port", port, "--dimse-port", "0")
        dimse = start("serve", "--data", tmp_path / "b", "--port", "0", "--dimse-port", port)
        told = [process.communicate(timeout=60)[1] for process in (http, dimse)]

    assert (http.returncode, dimse.returncode) == (3, 3)
    for err in told:
        assert port in err
        assert "Traceback" not in err
        assert "port" in err.strip().splitlines()[-1]


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    first = serve(tmp_path / "data", 0)
    try:
        second = start("serve", "--data", tmp_path / "data", "--port", "0", "--dimse-port", "0")
        _, err = second.communicate(timeout=60)
    finally:
        first.terminate()
        first.communicate(timeout=60)

    assert second.returncode == 3
    assert f"process {first.pid}" in err


def test_import_and_fsck_work_beside_a_running_server(hilum: Hilum, media: Path) -> None:
    port = free_port()
    server = serve(hilum.data, port)
    try:
        imported = hilum("import", media, "--json")
        checked = hilum("fsck", "--deep", "--json")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/dicom-web/instances") as answer:
            found = answer.read().count(b'"00080018"')
    finally:
        server.terminate()
        server.communicate(timeout=60)

    assert imported.json["created"] == 21
    assert checked.json["clean"]
    assert found == 21


def test_an_import_that_is_killed_again_and_again_loses_and_doubles_nothing(
    hilum: Hilum, tmp_path: Path, pet: list[bytes], head: list[bytes]
) -> None:
    media = tmp_path / "many"
    media.mkdir()
    instances = [*pet, *head]
    for number, data in enumerate(instances):
        (media / f"{number}").write_bytes(data)
    chance = random.Random(11)
    for _ in range(4):
        process = start("import", media, "--data", hilum.data, "--quiet", "--jobs", "4")
        enough = len(hilum.objects()) + chance.randint(5, 40)
        while process.poll() is None and len(hilum.objects()) < enough:
            time.sleep(0.002)  # the objects are all that can be seen from outside
        process.kill()
        process.communicate(timeout=60)

    last = hilum("import", media, "--json")
    checked = hilum("fsck", "--deep", "--json")

    assert last.code == 0
    assert last.json["skippedAcceptedBefore"] > 0
    assert sum(last.json[name] for name in ("created", "alreadyHeld", "skippedAcceptedBefore")) == (
        len(instances)
    )
    assert checked.json["clean"], checked.json["found"]
    assert checked.json["versions"] == len(instances)
    assert sorted(path.read_bytes() for path in hilum.objects()) == sorted(instances)
