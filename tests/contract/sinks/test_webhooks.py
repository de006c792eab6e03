"""What webhooks do beyond what all sinks promise."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from ipaddress import ip_address
from typing import Any

import orjson
import pytest

from hilum.adapters.sinks.addresses import AddressRule
from hilum.domain.errors import SinkUnavailable
from tests.contract.sinks.events import an_event, events_of_studies, ids
from tests.contract.sinks.far_sides import SECRET, FarWebhook, sink_of
from tests.contract.sinks.receiver import Decision, signature_is_right


@pytest.fixture
async def hook() -> AsyncIterator[FarWebhook]:
    far = FarWebhook()
    await far.begin()
    yield far
    await far.end()


def _answering(status: int, **headers: str) -> Any:
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _headers, _body: (status, extra)


async def test_a_request_is_signed_and_says_what_it_carries(hook: FarWebhook) -> None:
    event = an_event(7, key="1.2.3", headers={"traceparent": "00-aa-bb-01", "secret": "inside"})
    sink = sink_of({**hook.table(), "source": "https://hilum.example.org"})

    await sink.send([event])

    await sink.close()
    [posted] = hook.receiver.requests
    assert signature_is_right(posted, SECRET)
    assert posted.body == event.body
    headers = {name: value for name, value in posted.headers.items() if name.startswith("ce-")}
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": event.event_id,
        "ce-source": "https://hilum.example.org",
        "ce-type": event.type,
        "ce-subject": "1.2.3",
        "ce-time": "2026-03-01T12:30:15.250+00:00",
        "ce-correlationid": "correlation-7",
        "ce-sequence": "00000000000000000007",
    }
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["traceparent"] == "00-aa-bb-01"
    assert "secret" not in posted.headers


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-timestamp": str(int(time.time()) - 301)},
        {"webhook-timestamp": str(int(time.time()) + 400)},
        {"webhook-timestamp": "²"},
        {"webhook-timestamp": "soon"},
        {"webhook-id": "another"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,ä"},
        {},
    ],
)
async def test_a_request_that_was_tampered_with_is_not_taken_for_ours(
    hook: FarWebhook, changed: dict[str, str]
) -> None:
    sink = sink_of(hook.table())
    await sink.send([an_event(1)])
    await sink.close()
    [posted] = hook.receiver.requests
    assert signature_is_right(posted, SECRET)

    headers = {**posted.headers, **changed} if changed else {}

    assert not signature_is_right(replace(posted, headers=headers), SECRET)
    assert not signature_is_right(replace(posted, body=posted.body + b" "), SECRET)
    assert not signature_is_right(posted, "whsec_b3RoZXI=")


async def test_a_structured_request_holds_everything_in_its_body(hook: FarWebhook) -> None:
    event = an_event(7, key="1.2.3")
    sink = sink_of({**hook.table(), "mode": "structured"})

    await sink.send([event])

    await sink.close()
    [posted] = hook.receiver.requests
    assert posted.headers["content-type"] == "application/cloudevents+json"
    assert not [name for name in posted.headers if name.startswith("ce-")]
    assert signature_is_right(posted, SECRET)
    assert orjson.loads(posted.body) == {
        "specversion": "1.0",
        "id": event.event_id,
        "source": "hilum",
        "type": event.type,
        "subject": "1.2.3",
        "time": "2026-03-01T12:30:15.250+00:00",
        "correlationid": "correlation-7",
        "sequence": "00000000000000000007",
        "datacontenttype": "application/json",
        "data": orjson.loads(event.body),
    }


async def test_a_header_cannot_be_smuggled_in_by_a_value(hook: FarWebhook) -> None:
    sink = sink_of(hook.table())

    await sink.send([an_event(1, key='1.2\r\nx-evil: yes "ä"')])

    await sink.close()
    [posted] = hook.receiver.requests
    assert "x-evil" not in posted.headers
    assert posted.headers["ce-subject"] == "1.2%0D%0Ax-evil:%20yes%20%22%C3%A4%22"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 413, 422])
async def test_what_the_receiver_refuses_is_rejected_and_the_rest_delivered(
    hook: FarWebhook, status: int
) -> None:
    def refuse_second(headers: Mapping[str, str], _body: bytes) -> Decision:
        return status if headers["ce-id"].endswith("-2") else 204

    hook.receiver.decide = refuse_second
    events = [an_event(n) for n in (1, 2, 3)]
    sink = sink_of(hook.table())

    rejected = await sink.send(events)

    await sink.close()
    assert [(each.event_id, each.cause) for each in rejected] == [
        (events[1].event_id, f"http-{status}")
    ]
    assert [each.event_id for each in hook.receiver.accepted] == [
        events[0].event_id,
        events[2].event_id,
    ]


@pytest.mark.parametrize("status", [301, 308, 408, 425, 429, 500, 502, 503])
async def test_what_may_work_later_makes_the_sink_unavailable(
    hook: FarWebhook, status: int
) -> None:
    hook.receiver.decide = _answering(status, location="http://127.0.0.1:1/elsewhere")
    sink = sink_of(hook.table())

    with pytest.raises(SinkUnavailable, match=f"status {status}"):
        await sink.send([an_event(1)])

    assert len(hook.receiver.requests) == 1
    hook.receiver.decide = _answering(200)
    assert list(await sink.send([an_event(1)])) == []
    await sink.close()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(hook: FarWebhook, form: str) -> None:
    later = "2" if form == "seconds" else formatdate(time.time() + 3, usegmt=True)
    hook.receiver.decide = _answering(429, retry_after=later)
    sink = sink_of(hook.table())
    with pytest.raises(SinkUnavailable) as caught:
        await sink.send([an_event(1)])
    assert caught.value.retry_after_seconds is not None
    assert 1 < caught.value.retry_after_seconds <= 3
    hook.receiver.decide = _answering(200)

    with pytest.raises(SinkUnavailable, match="left alone"):
        await sink.send([an_event(1)])
    assert len(hook.receiver.requests) == 1
    await asyncio.sleep(caught.value.retry_after_seconds)

    assert list(await sink.send([an_event(1)])) == []
    await sink.close()


async def test_a_pause_has_an_upper_bound(hook: FarWebhook) -> None:
    hook.receiver.decide = _answering(503, retry_after="999999999999999999999999")
    sink = sink_of({**hook.table(), "longest_pause_seconds": 60})

    with pytest.raises(SinkUnavailable) as caught:
        await sink.send([an_event(1)])

    await sink.close()
    assert caught.value.retry_after_seconds == 60


async def test_a_receiver_that_takes_a_few_at_a_time_gets_all_of_them_once(
    hook: FarWebhook,
) -> None:
    """Otherwise the first ones of a batch would be posted again and again."""
    answered: list[int] = []

    def every_fifth(_headers: Mapping[str, str], _body: bytes) -> Decision:
        answered.append(1)
        return 200 if len(answered) % 5 else 429

    hook.receiver.decide = every_fifth
    events = [an_event(n, key="1.2.3") for n in range(1, 21)]
    sink = sink_of(hook.table())
    for _ in range(20):
        try:
            await sink.send(events)
            break
        except SinkUnavailable:
            continue

    await sink.close()
    assert [each.event_id for each in hook.receiver.accepted] == ids(events)


async def test_studies_are_posted_at_the_same_time_up_to_the_limit(hook: FarWebhook) -> None:
    hook.receiver.delay = 0.02
    sink = sink_of({**hook.table(), "concurrency": 3})

    await sink.send(events_of_studies(40, studies=10))

    await sink.close()
    assert hook.receiver.most_at_once == 3
    assert hook.receiver.connections == 3


async def test_a_connection_that_was_closed_while_idle_is_replaced(hook: FarWebhook) -> None:
    sink = sink_of(hook.table())
    await sink.send([an_event(1)])
    hook.kill()
    hook.restart()

    assert list(await sink.send([an_event(2)])) == []

    await sink.close()


async def test_a_receiver_that_hangs_up_or_is_silent_makes_the_sink_unavailable(
    hook: FarWebhook,
) -> None:
    sink = sink_of({**hook.table(), "acknowledge_seconds": 0.3})
    hook.receiver.decide = _answering(0)
    with pytest.raises(SinkUnavailable, match="without an answer"):
        await sink.send([an_event(1)])

    hook.receiver.decide = _answering(200)
    hook.receiver.delay = 1.0
    with pytest.raises(SinkUnavailable, match=r"within 0\.3 s"):
        await sink.send([an_event(1)])

    await sink.close()


async def test_authorization_and_query_stay_secret(hook: FarWebhook, tmp_path: Any) -> None:
    (tmp_path / "token").write_text("Bearer tell-nobody\n")
    hook.receiver.decide = _answering(500)
    table = {
        **hook.table(),
        "url": f"{hook.receiver.url}?code=hidden-code",
        "authorization_file": str(tmp_path / "token"),
    }
    sink = sink_of(table)

    with pytest.raises(SinkUnavailable) as caught:
        await sink.send([an_event(1)])

    await sink.close()
    [posted] = hook.receiver.requests
    assert posted.path == "/hook?code=hidden-code"
    assert posted.headers["authorization"] == "Bearer tell-nobody"
    assert "hidden-code" not in str(caught.value)
    assert "tell-nobody" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "networks"),
    [
        ("127.0.0.1", ["10.0.0.0/8"]),
        ("localhost", ["10.0.0.0/8"]),
        ("0x7f.1", ["10.0.0.0/8"]),
        ("[::1]", ["10.0.0.0/8"]),
        ("[::ffff:127.0.0.1]", ["10.0.0.0/8"]),
        ("169.254.169.254", ["10.0.0.0/8"]),
    ],
)
async def test_addresses_that_are_not_public_are_refused(
    hook: FarWebhook, host: str, networks: list[str]
) -> None:
    url = f"http://{host}:{hook.receiver.port}/hook"
    sink = sink_of({**hook.table(), "url": url, "allowed_networks": networks})

    with pytest.raises(SinkUnavailable, match="not public"):
        await sink.send([an_event(1)])

    await sink.close()
    assert hook.receiver.connections == 0


@pytest.mark.parametrize(
    "text",
    [
        *("10.0.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "192.0.0.8", "224.0.0.1"),
        *("::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0:127.0.0.1", "fe80::1"),
        *("fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1"),
        # IPv4 addresses in other clothes: NAT64, 6to4, Teredo.
        *("64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:a00:1::", "2001:0:7f00:1::"),
    ],
)
def test_an_address_that_is_not_public_is_known_as_such(text: str) -> None:
    assert not AddressRule().allows(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"])
def test_a_public_address_is_known_as_such(text: str) -> None:
    assert AddressRule().allows(ip_address(text))


async def test_a_name_that_changes_its_address_is_looked_at_each_time(
    hook: FarWebhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: allowed at first, somewhere else for the next connection."""
    loop = asyncio.get_running_loop()
    addresses = ["127.0.0.1", "127.0.0.2"]

    async def lookup(_host: str, port: int, **_: object) -> list[Any]:
        return [(2, 1, 6, "", (addresses[0], port))]

    monkeypatch.setattr(loop, "getaddrinfo", lookup)
    url = f"http://hook.example.org:{hook.receiver.port}/hook"
    sink = sink_of({**hook.table(), "url": url})
    await sink.send([an_event(1)])
    addresses.reverse()
    await sink.close()

    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.2, which is not public"):
        await sink.send([an_event(2)])

    assert len(hook.receiver.requests) == 1


@pytest.mark.parametrize(
    ("answer", "fails"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\nok", False),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"x" * 200_000, False),
        (b"220 mail.example.org ESMTP\r\n", True),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, True),
    ],
)
async def test_answers_of_odd_servers(answer: bytes, fails: bool) -> None:
    answering: set[asyncio.Task[None] | None] = set()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await asyncio.sleep(0.05)
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        far = FarWebhook()
        sink = sink_of({**far.table(), "url": f"http://127.0.0.1:{port}/"})
        for number in (1, 2):
            if fails:
                with pytest.raises(SinkUnavailable):
                    await sink.send([an_event(number)])
            else:
                assert list(await sink.send([an_event(number)])) == []
        await sink.close()
        await asyncio.gather(*filter(None, answering))
