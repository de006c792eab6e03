"""Connections: their bounds, hostile clients, and the end of the server."""

import asyncio
import socket
import time
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from hilum.servers.http_edge import EdgeOptions
from hilum.servers.http_protocol import ConnectionLimits
from hilum.servers.http_room import ConnectionRoom
from hilum.servers.http_server import CannotListen, HttpServer, HttpServerOptions, TlsFiles
from tests.integration.http.small_app import SmallApp
from tests.phi import recorded_logs


async def _answer(server: HttpServer, *pieces: bytes, half_close: bool = False) -> bytes:
    """Send the pieces and return everything until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    if half_close:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_port_0_takes_a_free_port_and_tells_it() -> None:
    async with SmallApp().served() as server:
        assert server.port > 0
        assert server.url == f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{server.url}/hello/you")).text == "you"


async def test_a_port_in_use_is_told_in_one_line() -> None:
    async with SmallApp().served() as server:
        taken = HttpServer(_nothing, HttpServerOptions(port=server.port))

        with pytest.raises(CannotListen, match="another program uses it") as refused:
            await taken.__aenter__()

        assert str(server.port) in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    with pytest.raises(CannotListen, match="--host"):
        await HttpServer(_nothing, HttpServerOptions(host=host, port=0)).__aenter__()


async def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path / "none.pem")

    with pytest.raises(CannotListen, match=r"http\.tls_certificate_file"):
        HttpServer(_nothing, HttpServerOptions(port=0, tls=tls))


async def test_small_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    async with SmallApp().served() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        accepted = next(iter(server._server.server_state.connections)).transport
        nodelay = accepted.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY
        )
        writer.close()

        assert nodelay
        assert not await reader.read()


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 5000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX-Endless: " + b"a" * 5000,
    ],
)
async def test_headers_over_the_limit_are_431(request_head: bytes) -> None:
    app = SmallApp()
    async with app.served(limits=ConnectionLimits(header_bytes=4096)) as server:
        answer = await _answer(server, request_head)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"http.header_bytes" in answer
    assert app.meter.limits == ["http.header_bytes"]


async def test_headers_within_the_limit_pass_also_in_small_pieces_and_beside_a_body() -> None:
    app = SmallApp()
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\nConnection: close\r\n\r\n"
    async with app.served(limits=ConnectionLimits(header_bytes=200)) as server:
        whole = await _answer(server, head + b"b" * 9000)
        pieces = await _answer(
            server, *(head[i : i + 7] for i in range(0, len(head), 7)), b"b" * 9000
        )

    assert whole.startswith(b"HTTP/1.1 200 ")
    assert pieces.endswith(b"b" * 9000)
    assert app.meter.limits == []


@pytest.mark.parametrize("sent", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_headers_that_do_not_come_to_an_end_are_408(sent: bytes) -> None:
    app = SmallApp()
    async with app.served(limits=ConnectionLimits(header_seconds=0.2)) as server:
        answer = await _answer(server, sent)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert app.meter.limits == ["http.header_seconds"]


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n\r\n"])
async def test_a_connection_that_asks_for_nothing_is_closed(sent: bytes) -> None:
    async with SmallApp().served(limits=ConnectionLimits(header_seconds=0.2)) as server:
        assert await _answer(server, sent) == b""


async def test_a_trickle_of_headers_does_not_win_time() -> None:
    async with SmallApp().served(limits=ConnectionLimits(header_seconds=0.3)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        started = time.monotonic()
        writer.write(b"GET / HTTP/1.1\r\n")
        while not reader.at_eof() and time.monotonic() - started < 5:
            writer.write(b"X: y\r\n")
            try:
                async with asyncio.timeout(0.05):
                    await reader.read(1000)
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
        writer.close()

    assert time.monotonic() - started < 4


async def test_a_body_that_stalls_is_408_and_counted() -> None:
    app = SmallApp()
    request = b"POST /v2/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
    async with app.served(EdgeOptions(body_idle_seconds=0.2)) as server:
        answer = await _answer(server, request)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"http.body_idle_seconds" in answer
    assert app.meter.limits == ["http.body_idle_seconds"]


async def test_a_slow_body_that_keeps_coming_is_read_to_its_end() -> None:
    app = SmallApp()
    async with app.served(EdgeOptions(body_bytes_per_second=1, body_idle_seconds=0.5)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nConnection: close\r\n\r\n"
        )
        for _ in range(8):
            await asyncio.sleep(0.1)
            writer.write(b"x")
        answer = await reader.read()
        writer.close()

    assert answer.endswith(b"xxxxxxxx")


async def test_a_client_that_takes_nothing_is_disconnected() -> None:
    app = SmallApp()
    with recorded_logs():
        async with app.served(limits=ConnectionLimits(send_idle_seconds=0.3)) as server:
            opened = socket.create_connection(("127.0.0.1", server.port))
            opened.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.wait_for(app.meter.told.wait(), 20)
            opened.close()

    assert "http.send_idle_seconds" in app.meter.limits
    assert app.meter.answered[0][2] == 499


async def test_more_connections_than_allowed_are_503() -> None:
    app = SmallApp()
    with recorded_logs():
        async with app.served(room=ConnectionRoom(2)) as server:
            idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
            answer = await _answer(
                server, b"GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            for _, writer in idle:
                writer.close()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert app.meter.limits == ["http.connections"]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nBad Header : x\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_and_the_server_goes_on(sent: bytes) -> None:
    with recorded_logs():
        async with SmallApp().served() as server:
            answer = await _answer(server, sent, half_close=True)
            async with httpx.AsyncClient(base_url=server.url) as client:
                still = await client.get("/hello/you")

    assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0]
    assert still.text == "you"


async def test_closing_lets_an_accepted_request_finish() -> None:
    app = SmallApp()
    async with httpx.AsyncClient() as client, app.served() as server:
        request = asyncio.create_task(client.get(f"{server.url}/slow"))
        await app.entered.wait()
        closing = asyncio.create_task(server.close())
        await asyncio.sleep(0)
        app.release.set()
        answer = await request
        await closing

    assert (answer.status_code, app.finished) == (200, ["slow"])


async def test_closing_takes_no_new_connection() -> None:
    app = SmallApp()
    async with httpx.AsyncClient() as client, app.served() as server:
        request = asyncio.create_task(client.get(f"{server.url}/slow"))
        await app.entered.wait()
        closing = asyncio.create_task(server.close())
        await _stops_listening(server)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        app.release.set()
        await request
        await closing


async def test_closing_ends_what_does_not_finish_in_time() -> None:
    app = SmallApp()
    with recorded_logs():
        async with httpx.AsyncClient() as client:
            async with app.served(shutdown_seconds=0.2) as server:
                request = asyncio.create_task(client.get(f"{server.url}/slow"))
                await app.entered.wait()
                await server.close()
            answer = await request

    assert (answer.status_code, app.finished) == (503, [])
    assert "Retry-After" in answer.headers
    assert app.meter.open == 0


async def test_closing_twice_does_nothing() -> None:
    async with SmallApp().served() as server:
        await server.close()
        await server.close()


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that is never asked."""


async def _stops_listening(server: HttpServer) -> None:
    """Wait without connecting: asyncio of 3.11 leaks what it accepts while a server closes."""
    for _ in range(1000):
        if not server._server.servers[0].is_serving():
            return
        await asyncio.sleep(0)
    pytest.fail("the server goes on listening")


class _LoopbackToo(ConnectionLimits):
    """Counts loopback, the only address that tests can come from."""

    def bounds(self, _address: str) -> bool:
        return True


async def test_one_address_has_a_number_of_connections_and_no_more() -> None:
    app = SmallApp()
    async with app.served(limits=_LoopbackToo(connections_per_address=2)) as server:
        first, second = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        answer = await _answer(server, b"GET /hello/x HTTP/1.1\r\nHost: x\r\n\r\n")
        first[1].close()
        await first[1].wait_closed()
        second[1].write(b"GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        again = await asyncio.wait_for(second[0].read(), 20)
        third = await _answer(
            server, b"GET /hello/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        second[1].close()

    assert answer == b"" or b" 503 " in answer
    assert app.meter.limits == ["http.connections_per_address"]
    assert b" 200 " in again
    assert b" 200 " in third


@pytest.mark.parametrize(
    ("address", "bounded"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.1.2.3", False),
        ("10.2.2.3", True),
        ("2001:db8::1", True),
        ("no address", False),
    ],
)
def test_loopback_and_trusted_proxies_are_not_counted(address: str, bounded: bool) -> None:
    limits = ConnectionLimits(proxies=(ip_network("10.1.0.0/16"),))

    assert limits.bounds(address) is bounded


@pytest.mark.parametrize(("path", "status"), [("/health", 404), ("/ready", 404), ("/hello/x", 503)])
async def test_who_watches_the_server_is_answered_in_a_flood(path: str, status: int) -> None:
    app = SmallApp()  # which has no such routes: 404 is its own answer
    async with app.served(room=ConnectionRoom(0)) as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}{path}")).status_code == status


async def _drip(server: HttpServer, pieces: int, piece: bytes) -> bytes:
    """Send a body in pieces with small pauses, as far as the server takes it; return its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {pieces * len(piece)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    answering = asyncio.create_task(reader.read())
    for _ in range(pieces):
        writer.write(piece)
        done, _ = await asyncio.wait([answering], timeout=0.02)
        if done:
            break
    try:
        return await asyncio.wait_for(answering, 20)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("piece", "rate", "status"),
    [(b"x", 10_000, b" 408 "), (b"x", 0, b" 200 "), (b"x" * 10_000, 10_000, b" 200 ")],
    ids=["drips", "may drip", "fast enough"],
)
async def test_a_body_that_drips_is_given_up(piece: bytes, rate: int, status: bytes) -> None:
    options = EdgeOptions(body_idle_seconds=0.3, body_bytes_per_second=rate)
    app = SmallApp()
    async with app.served(options) as server:
        answer = await _drip(server, 30, piece)

    assert status in answer[:20]
    assert app.meter.limits == ([] if status == b" 200 " else ["http.body_bytes_per_second"])
