"""Connections beyond what there is room for: told to the client, in the log and in the metrics."""

import asyncio
import json
import resource
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from hilum.bootstrap.open_files import http_room, open_files_wanted, raise_open_files
from hilum.servers.http_room import OPEN_FILES, ConnectionRoom
from hilum.servers.http_server import HttpServer
from hilum.settings import load_settings
from tests.integration.http.small_app import SmallApp
from tests.phi import recorded_logs
from tests.served import ServedHilum

HELLO = b"GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("descriptors", [3, 10, 24, 100, 900, 1_000_000])
@pytest.mark.parametrize("connections", [1, 64, 1024])
def test_room_never_needs_more_descriptors_than_there_are(
    connections: int, descriptors: int
) -> None:
    room = ConnectionRoom.within(connections, descriptors)

    assert room.open is not None
    assert 1 <= room.served <= connections
    assert room.served < room.open
    assert room.served + room.open <= max(descriptors, 4)
    assert (room.limit == OPEN_FILES) == (room.served < connections)


async def test_beyond_what_may_be_open_the_answer_is_503_before_any_request() -> None:
    app = SmallApp()
    with recorded_logs() as logs:
        async with app.served(room=ConnectionRoom(1, 2, OPEN_FILES)) as server:
            held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
            refused = [await _answer(server, b"") for _ in range(2)]
            for _, writer in held:
                writer.close()
            async with asyncio.timeout(5):
                while "http_connections_free" not in logs.getvalue():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            again = await _answer(server, HELLO)

    for answer in refused:
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 2\r\n" in answer
    assert again.startswith(b"HTTP/1.1 200 ")
    assert app.meter.limits == [OPEN_FILES] * 2
    entries = [json.loads(line) for line in logs.getvalue().splitlines()]
    told = [entry for entry in entries if entry["event"].startswith("http_connections")]
    assert [entry["event"] for entry in told] == ["http_connections_full", "http_connections_free"]
    assert told[0]["limit"] == OPEN_FILES
    assert told[1]["refused"] == 2


async def test_a_client_that_still_sends_its_body_reads_the_503() -> None:
    app = SmallApp()
    body = bytes(1 << 20)
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with app.served(room=ConnectionRoom(0)) as server:
        answer = await _answer(server, head + body)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 2\r\n" in answer


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    with _soft_limit(256):
        raise_open_files()

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == min(hard, 1 << 20)


def test_the_room_follows_the_limit_of_open_files() -> None:
    settings = load_settings(environment={})
    with _soft_limit(512):
        narrow = http_room(settings)
    with _soft_limit(min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 8192)):
        wide = http_room(settings)

    assert narrow.served < 256
    assert narrow.limit == OPEN_FILES
    assert wide.served == settings.http.connections
    assert open_files_wanted(settings) < 4096


@pytest.mark.slow
def test_a_server_with_64_open_files_refuses_in_words_and_recovers(tmp_path: Path) -> None:
    with ServedHilum(tmp_path, open_files=64) as server, ThreadPoolExecutor(50) as threads:
        codes = [
            each for some in threads.map(lambda _: _polled(server.port), range(50)) for each in some
        ]

        assert set(codes) <= {200, 503, None}  # None: refused while the request was being sent
        assert codes.count(503) > 0
        assert codes.count(200) > 0
        with urllib.request.urlopen(f"{server.url}/health", timeout=10) as answer:
            assert answer.status == 200
        log = server.log_text
    assert '"limit":"open_files"' in log
    assert 0 < log.count('"http_connections_full"') < 20


def _polled(port: int) -> list[int | None]:
    """Statuses of a few questions on connections of their own."""
    found: list[int | None] = []
    for _ in range(5):
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", "/dicom-web/studies")
            answer = connection.getresponse()
            answer.read()
            found.append(200 if answer.status in {200, 204} else answer.status)
        except (OSError, HTTPException):
            found.append(None)
        finally:
            connection.close()
    return found


async def _answer(server: HttpServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


@contextmanager
def _soft_limit(files: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
