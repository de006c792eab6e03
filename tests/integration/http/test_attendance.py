"""Clients that go before their answer has begun."""

import asyncio

import httpx
import pytest

from hilum.servers import http_attendance
from tests.integration.http.small_app import SmallApp


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_attendance, "_GRACE_SECONDS", 0.0)


async def _ask_and_go(url: str, method: str, entered: asyncio.Event) -> None:
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{method} /slow HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
    await entered.wait()
    writer.close()
    await writer.wait_closed()


async def test_nobody_works_on_for_a_client_that_has_gone() -> None:
    app = SmallApp()
    async with asyncio.timeout(20), app.served() as server:
        await _ask_and_go(server.url, "GET", app.entered)

        await app.meter.told.wait()

    assert [each[:3] for each in app.meter.answered] == [("/slow", "GET", 499)]
    assert app.finished == []


async def test_what_is_to_be_kept_is_kept_though_the_client_has_gone() -> None:
    app = SmallApp()
    async with asyncio.timeout(20), app.served() as server:
        await _ask_and_go(server.url, "POST", app.entered)
        async with httpx.AsyncClient(base_url=server.url) as client:
            await client.get("/hello/you")  # so that the news of its going is there
        app.release.set()
        while app.meter.open:
            app.meter.told.clear()
            await app.meter.told.wait()

    assert app.finished == ["slow"]


async def test_a_client_that_stays_gets_its_answer_and_the_next_one() -> None:
    app = SmallApp()
    async with (
        asyncio.timeout(20),
        app.served() as server,
        httpx.AsyncClient(base_url=server.url) as client,
        httpx.AsyncClient(base_url=server.url) as other,
    ):
        waiting = asyncio.create_task(client.get("/slow"))
        await app.entered.wait()
        await other.get("/hello/you")
        app.release.set()

        assert (await waiting).text == "done"
        assert (await client.get("/hello/you")).text == "you"


async def test_an_error_is_told_to_a_client_that_is_looked_after() -> None:
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/full")).status_code == 507
