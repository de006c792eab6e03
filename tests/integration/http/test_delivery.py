"""Subscriptions and dead letters over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hilum.access import AccessScope
from hilum.domain.delivery import DeadLetter, LetterOrigin
from hilum.ports.delivery import Progress
from tests.integration.http.conftest import Gateway, Start
from tests.integration.http.test_access import REQUIRED


def followed(folder: Path) -> dict[str, Any]:
    return {
        "sinks": {"lines": {"url": (folder / "events.jsonl").as_uri()}},
        "delivery__subscriptions": [{"name": "all", "sink": "lines"}],
        "delivery__poll_seconds": 0.05,
    }


async def file_letter(gateway: Gateway, event_id: str = "e-1") -> int:
    """Behind the relay's back, for a subscription that nobody runs."""
    delivery = gateway.serving.archive.index.delivery
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    letter = DeadLetter(
        0, LetterOrigin.SUBSCRIPTION, "all", 1, event_id, "hilum.instance.created.v1", "1.2.3",
        "c-1", "http-400", "It says no.", 1, moment, moment, copied=moment, body=b'{"a":1}',
    )  # fmt: skip
    while True:
        held = await delivery.subscriptions.get("all")
        assert held is not None
        if await delivery.subscriptions.reject(Progress("all", held.epoch, held.cursor), [letter]):
            break
    page = (await gateway.client.get("/api/v1/dead-letters")).json()
    return int(next(each["key"] for each in page if each["eventId"] == event_id))


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await happened():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_subscriptions_are_listed_paused_and_replayed(start: Start, tmp_path: Path) -> None:
    gateway = await start(**followed(tmp_path))
    client = gateway.client

    listed = (await client.get("/api/v1/subscriptions")).json()
    assert [(each["name"], each["sink"]) for each in listed] == [
        ("all", "lines"),
        ("archive-view", "archive-view"),
        ("bus", "bus"),
        ("stable-studies", None),
    ]
    assert (await client.post("/api/v1/subscriptions/all/pause")).json()["state"] == "paused"
    replayed = await client.post("/api/v1/subscriptions/all/replay", json={"after": 0})
    assert replayed.json()["cursor"] == 0
    skipping = await client.post("/api/v1/subscriptions/all/replay", json={"after": 7})
    assert (skipping.status_code, "ends at 0" in skipping.json()["detail"]) == (400, True)
    assert (await client.get("/api/v1/subscriptions/all")).json()["cursor"] == 0
    assert (await client.post("/api/v1/subscriptions/all/resume")).json()["state"] == "running"
    assert (await client.get("/api/v1/subscriptions/all")).json()["name"] == "all"


async def test_what_is_not_there_or_makes_no_sense_is_refused(start: Start, tmp_path: Path) -> None:
    client = (await start(**followed(tmp_path))).client

    assert (await client.get("/api/v1/subscriptions/nobody")).status_code == 404
    assert (await client.post("/api/v1/subscriptions/nobody/pause")).status_code == 404
    for body in (b"", b"[]", b"{", b'{"after": -1}', b'{"after": "x"}', b'{"after": true}'):
        answer = await client.post("/api/v1/subscriptions/all/replay", content=body)
        assert answer.status_code == 400, body
    for path in ("/api/v1/dead-letters/0", "/api/v1/dead-letters/x"):
        assert (await client.get(path)).status_code == 404
    for query in ("state=zz", "origin=zz", "limit=0", "after=x"):
        assert (await client.get(f"/api/v1/dead-letters?{query}")).status_code == 400
    for action, told in (
        ("replay", {}),
        ("replay", {"keys": ["1"]}),
        ("discard", {"keys": [1]}),
        ("discard", {"keys": [1], "reason": " "}),
    ):
        answer = await client.post(f"/api/v1/dead-letters/{action}", json=told)
        assert answer.status_code == 400, told
    for action in ("replay", "discard"):
        told = {"keys": [77], "reason": "x"}
        answer = await client.post(f"/api/v1/dead-letters/{action}", json=told)
        assert (answer.status_code, "77" in answer.json()["detail"]) == (404, True), action
    burned = await client.post("/api/v1/dead-letters/burn", json={"cause": "x"})
    assert burned.status_code == 404
    nowhere = {"cause": "x", "target": "stable-studies"}
    assert (await client.post("/api/v1/dead-letters/redirect", json=nowhere)).status_code == 404
    huge = b'{"reason": "' + b"x" * 100_000 + b'"}'
    assert (await client.post("/api/v1/dead-letters/discard", content=huge)).status_code == 413


async def test_a_dead_letter_is_shown_discarded_and_replayed(start: Start, tmp_path: Path) -> None:
    gateway = await start(**followed(tmp_path))
    client = gateway.client
    first = await file_letter(gateway)

    shown = (await client.get(f"/api/v1/dead-letters/{first}")).json()
    assert (shown["payload"], shown["cause"], shown["attempts"]) == ({"a": 1}, "http-400", 1)
    told = {"keys": [first], "reason": "a test"}
    discarded = await client.post("/api/v1/dead-letters/discard", json=told)
    assert discarded.json() == {"letters": 1}
    assert (await client.get("/api/v1/dead-letters?state=open")).json() == []

    second = await file_letter(gateway, "e-2")
    replayed = await client.post("/api/v1/dead-letters/replay", json={"cause": "http-400"})
    assert replayed.json() == {"letters": 1}

    async def sent() -> bool:
        found = (await client.get(f"/api/v1/dead-letters/{second}")).json()
        return bool(found["state"] == "replayed")

    await until(sent)
    assert '"event_id":"e-2"' in (tmp_path / "events.jsonl").read_text()


async def test_reading_is_not_enough_to_steer(start: Start, tmp_path: Path) -> None:
    gateway = await start(**REQUIRED, **followed(tmp_path))
    reader = await gateway.key(AccessScope.READ)
    writer = await gateway.key(AccessScope.WRITE)
    boss = await gateway.key(AccessScope.EVERYTHING)
    client = gateway.client

    for path in ("/api/v1/subscriptions", "/api/v1/dead-letters"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=writer)).status_code == 403
        assert (await client.get(path, headers=reader)).status_code == 200
    path = "/api/v1/subscriptions/all/pause"
    assert (await client.post(path, headers=reader)).status_code == 403
    assert (await client.post(path, headers=boss)).status_code == 200


async def test_a_broker_that_is_away_is_waited_for_and_shown(start: Start) -> None:
    gateway = await start(
        sinks={"broker": {"url": "redis://127.0.0.1:1/0", "connect_seconds": 1}},
        delivery__subscriptions={"ward": {"sink": "broker"}},
        telemetry__readiness_cache_seconds=0.01,
    )
    client = gateway.client

    ready = await client.get("/ready")
    assert ready.status_code == 200
    assert "Waits for the sinks of: ward" in ready.text

    assert (await client.post("/api/v1/subscriptions/ward/pause")).json()["state"] == "paused"

    async def waits_for_nobody() -> bool:
        return "Waits for the sinks" not in (await client.get("/ready")).text

    await until(waits_for_nobody)
    stored = await client.get("/dicom-web/studies")
    assert stored.status_code == 204
