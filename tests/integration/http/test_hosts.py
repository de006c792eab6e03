"""An open server on loopback does not answer to names that a web page could choose."""

import asyncio

import pytest

from tests.integration.http.conftest import Gateway, Start

PATH = "/dicom-web/studies"


async def _status(gateway: Gateway, host: str, method: str = "GET", path: str = PATH) -> int:
    answer = await gateway.client.request(method, path, headers={"Host": host})
    return answer.status_code


async def test_other_names_are_refused_whatever_is_asked(gateway: Gateway) -> None:
    evil = ("evil.example", "evil.example:8080", "localhost.evil.example")
    for host in (*evil, "192.168.1.2", "", "[::"):
        assert await _status(gateway, host) == 421, host
        assert await _status(gateway, host, "DELETE", f"{PATH}/1.2.3") == 421, host
        assert await _status(gateway, host, path="/api/v1/feed") == 421, host


async def test_the_refusal_says_what_to_do_and_repeats_nothing(gateway: Gateway) -> None:
    answer = await gateway.client.get(PATH, headers={"Host": "evil.example"})

    assert answer.headers["content-type"].startswith("text/plain")
    assert "http.allowed_hosts" in answer.text
    assert "evil" not in answer.text
    assert answer.headers["x-correlation-id"]


async def test_names_of_loopback_are_answered_with_and_without_a_port(gateway: Gateway) -> None:
    addresses = ("127.0.0.1", "127.0.0.1:1", "127.3.2.1", "[::1]", "[::1]:8080")
    for host in ("localhost", "LocalHost.:8080", *addresses):
        assert await _status(gateway, host, path="/health") == 200, host


async def test_names_that_were_told_are_answered(start: Start) -> None:
    gateway = await start(
        http__allowed_hosts="box.local, other", http__public_url="https://pacs.example.org/hilum"
    )

    for host in ("box.local", "box.local:80", "other", "pacs.example.org"):
        assert await _status(gateway, host, path="/health") == 200
    assert await _status(gateway, "pacs.example.com", path="/health") == 421


async def test_with_authentication_any_name_is_answered(start: Start) -> None:
    gateway = await start(security__authentication="required")

    assert await _status(gateway, "any.example", path="/health") == 200
    assert await _status(gateway, "any.example") == 401


async def test_an_insecure_server_beyond_loopback_answers_to_any_name(start: Start) -> None:
    gateway = await start(http__host="0.0.0.0", security__insecure=True)

    assert await _status(gateway, "any.example", path="/health") == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", b"421"),
        (b"GET /health HTTP/1.0\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", b"421"),
    ],
)
async def test_only_http_1_0_may_leave_the_name_out(
    gateway: Gateway, head: bytes, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.serving.http.port)
    writer.write(head)

    answer = await asyncio.wait_for(reader.read(), 20)

    assert answer.split(b" ", 2)[1] == status
    writer.close()
