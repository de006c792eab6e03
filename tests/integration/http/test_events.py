"""Server-sent events over the real application."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from hilum.access import AccessScope
from hilum.bootstrap.serving import serve
from hilum.domain.errors import LimitExceeded
from hilum.foundation.bell import Bell
from hilum.outbound.events.route import wish_of
from hilum.ports.announcing import IngestionFailure
from hilum.settings import load_settings
from tests.event_schemas import MESSAGES, problems, schema_of
from tests.instances import STUDY, a_dataset, part10
from tests.integration.http.conftest import Gateway, Start

OTHER = "1.2.826.0.1.3680043.10.1.2"
CREATED = "hilum.instance.created.v1"


@dataclass(frozen=True)
class Heard:
    """One event as a listener gets it, after the rules of the event stream format."""

    id: str
    type: str
    data: dict[str, object]

    @property
    def sequence(self) -> int:
        return int(self.id.rpartition(":")[2])


class Listener:
    """Reads a stream as a browser does; remembers the last id also of what is no event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_id = ""
        self.beats = 0

    async def next(self, seconds: float = 15.0) -> Heard | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                if line.startswith(":"):
                    self.beats += 1
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                else:
                    self.last_id = fields.get("id", self.last_id)
                    if "data" in fields:
                        return Heard(self.last_id, fields["event"], json.loads(fields["data"]))
                    fields = {}
        return None

    async def take(self, count: int) -> list[Heard]:
        found = [await self.next() for _ in range(count)]
        assert all(found)
        return [each for each in found if each is not None]


@asynccontextmanager
async def listening(gateway: Gateway, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with gateway.client.stream("GET", f"/api/v1/events{query}", headers=named) as response:
        yield Listener(response)


async def store(gateway: Gateway, count: int = 1, study: str = STUDY) -> list[str]:
    """Store one after another, so that the feed has their order."""
    uids = []
    for _ in range(count):
        dataset = a_dataset(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1")
        uids.append(str(dataset.SOPInstanceUID))
        body = (
            b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part10(dataset) + b"\r\n--b--\r\n"
        )
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        answer = await gateway.client.post(
            "/dicom-web/studies", content=body, headers={"Content-Type": kind}
        )
        assert answer.status_code == 200, answer.text
    return uids


def instances(heard: Sequence[Heard]) -> list[object]:
    return [each.data["sop_instance_uid"] for each in heard]


async def test_a_listener_hears_what_happens_from_now_on(gateway: Gateway) -> None:
    await store(gateway)
    async with listening(gateway) as listener:
        assert listener.response.headers["content-type"].startswith("text/event-stream")
        assert listener.response.headers["cache-control"] == "no-store"

        uids = await store(gateway, 3)

        heard = await listener.take(3)
    assert instances(heard) == uids
    assert {each.type for each in heard} == {CREATED}
    assert [each.sequence for each in heard] == [each.data["sequence"] for each in heard]
    feed = await gateway.client.get("/api/v1/feed")
    assert [each["correlationId"] for each in feed.json()[1:]] == [
        each.data["correlation_id"] for each in heard
    ]


async def test_a_listener_that_reconnects_misses_nothing(gateway: Gateway) -> None:
    async with listening(gateway) as listener:
        first = await store(gateway, 2)
        heard = await listener.take(1)
    meanwhile = await store(gateway, 3)

    async with listening(gateway, "?after=0", last_event_id=heard[0].id) as listener:
        later = await store(gateway)
        assert instances(await listener.take(5)) == [first[1], *meanwhile, *later]


async def test_a_position_in_another_feed_begins_this_one_anew(gateway: Gateway) -> None:
    uids = await store(gateway, 2)

    async with listening(gateway, last_event_id="another-feed:17") as listener:
        assert instances(await listener.take(2)) == uids


async def test_a_listener_may_begin_anywhere(gateway: Gateway) -> None:
    uids = await store(gateway, 4)
    async with listening(gateway, "?after=0") as listener:
        heard = await listener.take(4)

    async with listening(gateway, f"?after={heard[1].sequence}") as listener:
        rest = await listener.take(2)

    assert instances(heard) == uids
    assert rest == heard[2:]


async def test_a_listener_hears_only_what_it_asked_for(gateway: Gateway) -> None:
    query = f"?types=hilum.instance.deleted.*,dicom.*&study={OTHER}"
    async with listening(gateway, query) as listener:
        await store(gateway)
        uids = await store(gateway, 1, OTHER)
        for study in (STUDY, OTHER):
            deleted = await gateway.client.delete(f"/dicom-web/studies/{study}")
            assert deleted.is_success

        heard = await listener.take(1)

    assert heard[0].type == "hilum.instance.deleted.v1"
    assert instances(heard) == uids


async def test_a_quiet_stream_shows_signs_of_life_and_moves_on(start: Start) -> None:
    gateway = await start(events__heartbeat_seconds=0.2, delivery__poll_seconds=0.1)
    async with listening(gateway, "?types=dicom.metadata.dlq") as listener:
        await store(gateway, 2)
        reading = asyncio.create_task(listener.next())
        await asyncio.sleep(1.0)
        reading.cancel()

    assert listener.beats >= 2
    async with listening(gateway, last_event_id=listener.last_id) as again:
        uids = await store(gateway)
        assert instances(await again.take(1)) == uids


async def test_what_other_processes_write_is_heard(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing rings for it: the stream looks every now and then."""
    gateway = await start(delivery__poll_seconds=0.1)
    async with listening(gateway) as listener:
        monkeypatch.setattr(Bell, "ring", lambda _: None)
        uids = await store(gateway)

        assert instances(await listener.take(1)) == uids


async def test_many_listeners_cost_the_database_one_look(start: Start) -> None:
    gateway = await start(delivery__poll_seconds=5.0)
    index = gateway.serving.archive.index
    looks: list[int] = []
    read = index.feed

    async def counted(after: int, limit: int) -> object:
        looks.append(after)
        return await read(after, limit)

    async def hear() -> list[Heard]:
        async with listening(gateway) as listener:
            ready.release()
            return await listener.take(1)

    ready = asyncio.Semaphore(0)
    listeners = [asyncio.create_task(hear()) for _ in range(20)]
    for _ in listeners:
        await ready.acquire()
    await asyncio.sleep(0.2)
    index.feed = counted  # type: ignore[assignment, method-assign]
    uids = await store(gateway)

    for heard in await asyncio.gather(*listeners):
        assert instances(heard) == uids
    assert len(looks) <= 6


async def test_more_listeners_than_allowed_are_sent_away(start: Start) -> None:
    gateway = await start(events__clients=1)
    async with listening(gateway):
        async with listening(gateway) as refused:
            assert refused.response.status_code == 503
            assert refused.response.headers["retry-after"]
            problem = json.loads(await refused.response.aread())
            assert problem["type"] == "/problems/too-many-readers"
            assert "events.clients" in problem["detail"]
        page = await gateway.client.get("/metrics")
        assert "hilum_event_stream_clients 1.0" in page.text

    for _ in range(100):  # the place is free again soon after the listener went
        async with listening(gateway) as admitted:
            if admitted.response.status_code == 200:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("the listener that went still has its place")


async def test_a_stream_ends_after_its_time(start: Start) -> None:
    gateway = await start(events__lifetime_seconds=0.3, delivery__poll_seconds=0.1)
    async with listening(gateway) as listener:
        assert await listener.next(5) is None


async def test_a_shutdown_does_not_wait_for_listeners(tmp_path: Path) -> None:
    chosen = load_settings(
        {
            "data_dir": tmp_path,
            "http.port": 0,
            "dimse.port": 0,
            "storage.reserve_bytes": 0,
            "delivery.poll_seconds": 30,
            "delivery.drain_seconds": 0,
        },
        environment={},
    )
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(serve(chosen))
        async with httpx.AsyncClient(base_url=serving.http.url) as client:
            async with listening(Gateway(serving, client)) as listener:
                ending = asyncio.create_task(listener.next(10))
                await asyncio.sleep(0.1)
                began = time.monotonic()
                leaving = asyncio.create_task(stack.aclose())
                assert await ending is None
            await leaving
    assert time.monotonic() - began < 12  # of http.shutdown_seconds = 30


async def test_listening_needs_the_scope_read(start: Start) -> None:
    gateway = await start(security__authentication="required")
    async with listening(gateway) as anonymous:
        assert anonymous.response.status_code == 401
    wrong = await gateway.key(AccessScope.WRITE)
    async with gateway.client.stream("GET", "/api/v1/events", headers=wrong) as response:
        assert response.status_code == 403
    right = await gateway.key(AccessScope.READ)
    async with gateway.client.stream("GET", "/api/v1/events", headers=right) as response:
        assert response.status_code == 200


async def test_wrong_questions_are_told(gateway: Gateway) -> None:
    for query, code in (
        ("?type=x", "invalid-query"),
        ("?types=A", "invalid-query"),
        ("?types=foo", "invalid-query"),
        ("?types=hilum.*,foo.*", "invalid-query"),
        ("?after=-1", "invalid-query"),
        ("?after=1000", "invalid-query"),
        ("?study=abc", "invalid-uid"),
        ("?" + "&".join(["study=1.2"] * 33), "invalid-query"),
    ):
        answer = await gateway.client.get(f"/api/v1/events{query}")
        assert answer.status_code == 400, query
        assert answer.json()["type"] == f"/problems/{code}"
    answer = await gateway.client.get("/api/v1/events", headers={"Last-Event-ID": "17"})
    assert answer.status_code == 400
    feed_id = (await gateway.client.get("/api/v1/feed")).headers["X-Feed-Id"]
    ahead = {"Last-Event-ID": f"{feed_id}:1000"}
    answer = await gateway.client.get("/api/v1/events", headers=ahead)
    assert (answer.status_code, "ends at 0" in answer.json()["detail"]) == (400, True)


async def test_a_listener_that_takes_nothing_is_cut(start: Start) -> None:
    """Sending to it never returns; everybody else goes on."""
    gateway = await start(events__slow_seconds=0.2)
    await store(gateway, 2)
    streams = gateway.serving.events
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/events",
        "query_string": b"after=0",
        "headers": [],
    }
    stuck = asyncio.Event()

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.body" and b"data:" in message["body"]:  # type: ignore[operator]
            await stuck.wait()

    async def receive() -> dict[str, object]:
        await stuck.wait()
        return {"type": "http.disconnect"}

    response = await streams.answer(wish_of(Request(scope)))
    began = time.monotonic()
    with pytest.raises(LimitExceeded, match=r"events\.slow_seconds"):
        await response(scope, receive, send)  # type: ignore[arg-type]
    assert time.monotonic() - began < 2
    assert streams.open == 0


async def test_everything_that_is_told_is_as_documented(start: Start) -> None:
    gateway = await start(delivery__stable__quiet_seconds=0.2, delivery__poll_seconds=0.1)
    async with listening(gateway) as listener:
        await store(gateway)
        heard = await listener.take(3)
        await gateway.client.delete(f"/dicom-web/studies/{STUDY}")
        await gateway.serving.archive.index.delivery.ingestion_failed(
            IngestionFailure(
                source="ward-3",
                source_id="a-b-c",
                reason="Storage write failure",
                stage="storage",
                error_class="archive-full",
                message="There is no space.",
                attempt=2,
                correlation_id="correlation",
                findings=["one", "two"],
            )
        )
        heard += await listener.take(2)

    assert {each.type for each in heard} == {
        CREATED,
        "hilum.instance.deleted.v1",
        "hilum.study.stable.v1",
        "dicom.metadata.v1",
        "dicom.metadata.dlq",
    }
    for each in heard:
        assert as_documented(each)


def as_documented(heard: Heard) -> bool:
    message = next(
        message
        for name, message in MESSAGES.items()
        if message["name"] == heard.type and not name.endswith("NotTold")
    )
    assert problems(message, heard.data) == []
    return set(heard.data) == set(schema_of(message)["properties"])


async def test_everything_that_is_told_of_uploads_is_as_documented(gateway: Gateway) -> None:
    whole = part10(a_dataset())
    async with listening(gateway, "?types=study.*") as listener:
        good = await gateway.client.post("/upload", files={"file": ("a.dcm", whole)})
        heard = await listener.take(3)
        bad = await gateway.client.post("/upload", files={"file": ("b.dcm", whole[:-3])})
        heard += await listener.take(2)

    assert [(each.data["study_id"], each.type) for each in heard] == [
        (good.json()["study_id"], "study.uploaded"),
        (good.json()["study_id"], "study.validated"),
        (good.json()["study_id"], "study.archived"),
        (bad.json()["study_id"], "study.uploaded"),
        (bad.json()["study_id"], "study.validation.failed"),
    ]
    for each in heard:
        assert as_documented(each)
    archived = heard[2].data
    assert (archived["studies"], archived["round"]) == ([STUDY], 1)
