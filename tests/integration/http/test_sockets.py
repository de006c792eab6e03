"""WebSockets keep the rules of all other doors."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hilum.access import AccessScope
from tests.integration.http.conftest import Gateway, Start

_PATH = "/dicom-web/ws/subscribers/ME"


def url(gateway: Gateway) -> str:
    return f"ws://127.0.0.1:{gateway.serving.http.port}{_PATH}"


async def refusal(gateway: Gateway, headers: dict[str, str]) -> int:
    with pytest.raises(InvalidStatus) as caught:
        await connect(url(gateway), additional_headers=headers, proxy=None).__aenter__()
    return caught.value.response.status_code


async def test_a_socket_needs_the_scope_to_read(start: Start) -> None:
    gateway = await start(security__authentication="required")
    writer, reader = await gateway.key(AccessScope.WRITE), await gateway.key(AccessScope.READ)

    assert await refusal(gateway, {}) == 401
    assert await refusal(gateway, writer) == 403
    async with connect(url(gateway), additional_headers=reader, proxy=None) as socket:
        await (await socket.ping())


async def test_an_open_server_is_found_under_its_own_names_alone(gateway: Gateway) -> None:
    assert await refusal(gateway, {"Host": "rebound.example"}) == 421


async def test_a_page_whose_origin_is_allowed_gets_in(start: Start) -> None:
    gateway = await start(cors__allowed_origins=("https://viewer.example",))

    assert await refusal(gateway, {"Origin": "https://evil.example"}) == 403
    headers = {"Origin": "https://viewer.example"}
    async with connect(url(gateway), additional_headers=headers, proxy=None) as socket:
        await (await socket.ping())


async def test_a_socket_that_is_quiet_stays_open_and_is_pinged(start: Start) -> None:
    gateway = await start(
        http__header_seconds=0.2, http__keep_alive_seconds=0.2, worklist__ping_seconds=0.2
    )
    async with connect(url(gateway), ping_interval=None, proxy=None) as socket:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await socket.recv()
        await (await socket.ping())


async def test_a_worklist_that_is_off_has_no_routes(start: Start) -> None:
    gateway = await start(worklist__enabled=False)

    assert await refusal(gateway, {}) == 404
    assert (await gateway.client.get("/dicom-web/workitems")).status_code == 404
