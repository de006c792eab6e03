"""Subscriptions and event reports over WebSocket (PS3.18 8.10 and 11.10 to 11.13, PS3.4 CC.2.3)."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.conformance.standard.test_worklist import JSON, LOCK, change, client, created, server
from tests.served_dicomweb import ServedDicomWeb
from tests.workitems import PERFORMED, element, workitem

__all__ = ["client", "server"]
GLOBAL = "1.2.840.10008.5.1.4.34.5"
FILTERED = "1.2.840.10008.5.1.4.34.5.1"
_TITLES = count(1)
_WAIT = 10


@pytest.fixture
def title() -> str:
    """An AE title that nobody else has."""
    return f"WATCHER{next(_TITLES)}"


@pytest.fixture(autouse=True)
def _nobody_watches_afterwards(client: httpx.Client, title: str) -> Iterator[None]:
    yield
    assert client.delete(f"/workitems/{GLOBAL}/subscribers/{title}").status_code == 200


def subscribe(client: httpx.Client, uid: str, title: str, query: str = "") -> str:
    """The URL of the WebSocket."""
    response = client.post(f"/workitems/{uid}/subscribers/{title}?{query}")
    assert response.status_code == 201, response.text
    return response.headers["content-location"]


def opened(url: str, **options: Any) -> AbstractContextManager[ClientConnection]:
    return connect(url, open_timeout=_WAIT, close_timeout=_WAIT, **options)


def next_event(socket: ClientConnection) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(socket.recv(timeout=_WAIT))
    return report


def told(socket: ClientConnection) -> tuple[str, int, str]:
    """Of the next event: work item, Event Type ID, and state where it tells one."""
    report = next_event(socket)
    state = report.get("00741000", {"Value": [""]})["Value"][0]
    return report["00001000"]["Value"][0], report["00001002"]["Value"][0], state


def test_who_subscribes_is_told_the_state_and_then_every_change(
    client: httpx.Client, title: str
) -> None:
    uid = created(client)
    url = subscribe(client, uid, title)
    assert url.startswith("ws://")
    assert url.endswith(f"/dicom-web/ws/subscribers/{title}")

    with opened(url) as socket:
        first = next_event(socket)
        assert first["00000002"]["Value"] == ["1.2.840.10008.5.1.4.34.6.4"]
        assert first["00000100"]["Value"] == [256]
        assert first["00000110"]["Value"] == [1]
        assert first["00404041"]["Value"] == ["READY"]
        assert first["00741000"]["Value"] == ["SCHEDULED"]
        assert change(client, uid, "IN PROGRESS").is_success
        assert told(socket) == (uid, 1, "IN PROGRESS")
        progress = {"00741002": element("SQ", {"00741004": element("DS", 40)})}
        assert client.post(f"/workitems/{uid}?{LOCK}", json=progress, headers=JSON).is_success
        report = next_event(socket)
        assert report["00001002"]["Value"] == [3]
        assert report["00741002"] == progress["00741002"]
        readiness = {"00404041": element("CS", "INCOMPLETE")}
        assert client.post(f"/workitems/{uid}?{LOCK}", json=readiness, headers=JSON).is_success
        assert next_event(socket)["00404041"]["Value"] == ["INCOMPLETE"]
        station = {"00404025": element("SQ", {"00080104": element("LO", "next door")})}
        assert client.post(f"/workitems/{uid}?{LOCK}", json=station, headers=JSON).is_success
        report = next_event(socket)
        assert (report["00001002"]["Value"], report["00404025"]) == ([5], station["00404025"])
        assert client.post(f"/workitems/{uid}?{LOCK}", json=PERFORMED, headers=JSON).is_success
        assert change(client, uid, "COMPLETED").is_success
        assert told(socket) == (uid, 1, "COMPLETED")


def test_who_watches_is_asked_to_cancel_what_is_in_progress(
    client: httpx.Client, title: str
) -> None:
    uid = created(client)
    assert change(client, uid, "IN PROGRESS").is_success
    assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 409

    with opened(subscribe(client, uid, title)) as socket:
        assert told(socket) == (uid, 1, "IN PROGRESS")
        reason = {"00741238": element("LT", "no need any more")}
        response = client.post(f"/workitems/{uid}/cancelrequest", json=reason, headers=JSON)
        assert response.status_code == 202
        report = next_event(socket)

    assert report["00001002"]["Value"] == [2]
    assert report["00741236"]["Value"] == ["UPS-RS"]
    assert report["00741238"] == reason["00741238"]


def test_what_nobody_took_is_canceled_by_way_of_in_progress(
    client: httpx.Client, title: str
) -> None:
    uid = created(client)
    with opened(subscribe(client, uid, title)) as socket:
        assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 202
        states = [told(socket)[2] for _ in range(3)]

    assert states == ["SCHEDULED", "IN PROGRESS", "CANCELED"]


def test_a_global_subscription_is_to_all_there_will_be(client: httpx.Client, title: str) -> None:
    with opened(subscribe(client, GLOBAL, title)) as socket:
        uid = created(client)
        assert told(socket) == (uid, 1, "SCHEDULED")
        assert told(socket) == (uid, 5, "")
        assert client.post(f"/workitems/{GLOBAL}/subscribers/{title}/suspend").status_code == 200
        created(client)
        assert change(client, uid, "IN PROGRESS").is_success
        assert told(socket) == (uid, 1, "IN PROGRESS")


@pytest.mark.parametrize("query", ["PatientID=CHOSEN", "filter=PatientID%3DCHOSEN"])
def test_a_filtered_subscription_is_to_what_matches(
    client: httpx.Client, title: str, query: str
) -> None:
    with opened(subscribe(client, FILTERED, title, f"{query}&deletionlock=false")) as socket:
        created(client)
        body = workitem(x00100020=element("LO", "CHOSEN"))
        location = client.post("/workitems", json=body, headers=JSON).headers["location"]
        assert told(socket)[0] == location.rpartition("/")[2]


def test_what_was_told_to_nobody_waits_for_who_comes_back(client: httpx.Client, title: str) -> None:
    uid = created(client)
    url = subscribe(client, uid, title)
    with opened(url) as socket:
        assert told(socket) == (uid, 1, "SCHEDULED")
    assert change(client, uid, "IN PROGRESS").is_success

    with opened(url) as socket:
        assert told(socket) == (uid, 1, "IN PROGRESS")


def test_of_two_connections_for_one_title_the_newer_gets_everything(
    client: httpx.Client, title: str
) -> None:
    uid = created(client)
    url = subscribe(client, uid, title)
    with opened(url) as older:
        assert told(older) == (uid, 1, "SCHEDULED")
        with opened(url) as newer:
            with pytest.raises(ConnectionClosed) as caught:
                older.recv(timeout=_WAIT)
            assert change(client, uid, "IN PROGRESS").is_success
            assert told(newer) == (uid, 1, "IN PROGRESS")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4000


def test_a_deletion_lock_keeps_what_ended(
    client: httpx.Client, server: ServedDicomWeb, title: str
) -> None:
    uid = created(client)
    subscribe(client, uid, title, "deletionlock=true")
    assert client.post(f"/workitems/{uid}/cancelrequest").status_code == 202
    worklist = server.archive.index.worklist

    async def forget() -> None:
        await worklist.prune(datetime.now(UTC) + timedelta(hours=1), 1000)

    server.run(forget())
    assert client.get(f"/workitems/{uid}").status_code == 200
    assert client.delete(f"/workitems/{uid}/subscribers/{title}").status_code == 200
    server.run(forget())
    assert client.get(f"/workitems/{uid}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("1.2.3.4/subscribers/ME", 404),
        ("1.x/subscribers/ME", 400),
        (f"{GLOBAL}/subscribers/SEVENTEENCHARACTE", 400),
        (f"{GLOBAL}/subscribers/ME?deletionlock=maybe", 400),
        (f"{FILTERED}/subscribers/ME", 400),
        (f"{FILTERED}/subscribers/ME?Nonsense=1", 400),
        ("1.2.3.4/subscribers/ME/suspend", 409),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(
    client: httpx.Client, path: str, status: int
) -> None:
    assert client.post(f"/workitems/{path}").status_code == status


def refusal(url: str, **options: Any) -> int:
    """The status that an attempt to open a WebSocket gets in place of one."""
    with pytest.raises(InvalidStatus) as caught, opened(url, **options):
        pass
    return caught.value.response.status_code


def test_a_page_of_another_site_opens_nothing(server: ServedDicomWeb, title: str) -> None:
    url = f"ws://127.0.0.1:{server.port}/dicom-web/ws/subscribers/{title}"

    assert refusal(url, origin="https://evil.example") == 403
    assert refusal(url, additional_headers={"Origin": "null"}) == 403
    with opened(url, origin=f"http://127.0.0.1:{server.port}"):
        pass


def test_what_is_no_subscriber_is_refused(server: ServedDicomWeb) -> None:
    base = f"ws://127.0.0.1:{server.port}"

    assert refusal(f"{base}/dicom-web/ws/subscribers/{'A' * 17}") == 400
    assert refusal(f"{base}/dicom-web/workitems") == 404


def test_a_client_that_says_much_is_cut(server: ServedDicomWeb, title: str) -> None:
    with opened(f"ws://127.0.0.1:{server.port}/dicom-web/ws/subscribers/{title}") as socket:
        socket.send("hello")
        socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(timeout=_WAIT)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


def test_open_connections_end_with_the_server(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ending")
    with ExitStack() as stack:
        with ServedDicomWeb(folder, worklist={"clients": 1}) as server:
            base = f"ws://127.0.0.1:{server.port}/dicom-web/ws/subscribers"
            left = stack.enter_context(opened(f"{base}/A"))
            assert refusal(f"{base}/B") == 503
            page = httpx.get(f"{server.url}/metrics").text
            assert "hilum_workitem_sockets 1.0" in page
        with pytest.raises(ConnectionClosed) as caught:
            left.recv(timeout=_WAIT)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code in {1001, 1012}
