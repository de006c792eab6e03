"""What every request and every answer goes through."""

import json
import uuid

import httpx
import pytest

from hilum.servers.http_cors import Cors
from hilum.servers.http_edge import EdgeOptions
from tests.integration.http.small_app import PLANTED, SmallApp
from tests.phi import PATIENT, assert_no_patient, recorded_logs

VIEWER = "https://viewer.example.org"


async def test_a_correlation_id_goes_in_and_out() -> None:
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/state", headers={"X-Correlation-ID": "story-7"})

        assert answer.text == answer.headers["x-correlation-id"] == "story-7"


@pytest.mark.parametrize("sent", [None, "", "a b", "x" * 65, '{"a":1}'])
async def test_without_a_usable_correlation_id_there_is_a_fresh_one(sent: str | None) -> None:
    headers = {} if sent is None else {"X-Correlation-ID": sent}
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/state", headers=headers)

        assert uuid.UUID(answer.text).version == 4
        assert answer.headers["x-correlation-id"] == answer.text


@pytest.mark.parametrize("path", ["/hello/you", "/bug", "/nowhere", "/v2/nowhere", "/full"])
async def test_every_answer_has_the_headers_that_keep_browsers_safe(path: str) -> None:
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        headers = (await client.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert "server" not in headers
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/v2/hello/you", "/v2/nowhere", "/v2/bug"])
async def test_azure_answers_name_the_versions_there_are(path: str) -> None:
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get(path)).headers["api-supported-versions"] == "v1, v2"
        assert "api-supported-versions" not in (await client.get("/hello/v2")).headers


async def test_one_line_and_one_count_for_each_request_and_no_path_in_either() -> None:
    app = SmallApp()
    with recorded_logs(on_patient_data="refuse") as stream:
        async with app.served() as server, httpx.AsyncClient(base_url=server.url) as client:
            await client.get(
                f"/hello/{PATIENT.given_name}",
                params={"PatientName": PATIENT.patient_name, "00100020": PATIENT.patient_id},
                headers={"X-Correlation-ID": "story-8"},
            )
            await client.post("/echo", content=b"12345")
            await client.get(f"/{PATIENT.comment}")

    assert_no_patient(stream.getvalue(), "the log")
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    requests = [event for event in events if event["event"] == "http_request"]
    assert [event["route"] for event in requests] == ["/hello/{name}", "/echo", "unknown"]
    assert [event["status"] for event in requests] == [200, 200, 404]
    assert (requests[1]["bytes_in"], requests[1]["bytes_out"]) == (5, 5)
    assert requests[0]["correlation_id"] == "story-8"
    assert requests[0]["seconds"] > 0
    assert [each[0] for each in app.meter.answered] == ["/hello/{name}", "/echo", "unknown"]
    assert app.meter.open == 0
    assert_no_patient(repr(app.meter.answered), "the labels of metrics")


async def test_routes_that_machines_poll_are_told_only_when_debugging() -> None:
    with recorded_logs(level="info") as stream:
        async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
            await client.get("/state")

    assert "http_request" not in stream.getvalue()


async def test_lines_for_requests_can_be_turned_off() -> None:
    app = SmallApp()
    with recorded_logs() as stream:
        async with (
            app.served(EdgeOptions(log_requests=False)) as server,
            httpx.AsyncClient(base_url=server.url) as client,
        ):
            await client.get("/hello/you")

    assert "http_request" not in stream.getvalue()
    assert len(app.meter.answered) == 1


async def test_a_method_nobody_offers_is_counted_as_other() -> None:
    app = SmallApp()
    async with app.served() as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.request("PROPFIND", "/hello/you")

    assert answer.status_code == 405
    assert app.meter.answered[0][:3] == ("/hello/{name}", "other", 405)


@pytest.mark.azure("1.6-500")
async def test_a_bug_is_a_500_that_tells_nothing_and_is_logged_with_its_place() -> None:
    with recorded_logs() as stream:
        async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
            product = await client.get("/bug", headers={"X-Correlation-ID": "story-9"})
            dicomweb = await client.get("/v2/bug", headers={"X-Correlation-ID": "story-9"})

    assert (product.status_code, dicomweb.status_code) == (500, 500)
    assert product.json()["correlation_id"] == "story-9"
    assert "story-9" in dicomweb.text
    assert PLANTED not in product.text + dicomweb.text + stream.getvalue()
    failed = [json.loads(line) for line in stream.getvalue().splitlines() if "failed" in line]
    assert failed[0]["error"] == "ValueError"
    assert any("small_app.py" in frame for frame in failed[0]["traceback"])


async def test_an_answer_that_cannot_be_finished_breaks_the_connection() -> None:
    app = SmallApp()
    with recorded_logs():
        async with app.served() as server, httpx.AsyncClient(base_url=server.url) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/broken")

    assert app.meter.answered[0][2] == 499


async def test_cors_is_off_until_an_origin_is_allowed() -> None:
    async with SmallApp().served() as server, httpx.AsyncClient(base_url=server.url) as client:
        plain = await client.get("/hello/you", headers={"Origin": VIEWER})
        preflight = await client.options(
            "/hello/you", headers={"Origin": VIEWER, "Access-Control-Request-Method": "GET"}
        )

    for answer in (plain, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (preflight.status_code, preflight.headers["allow"]) == (204, "GET, OPTIONS")


@pytest.mark.parametrize("path", ["/hello/you", "/nowhere", "/v2/bug", "/full"])
async def test_allowed_origins_may_read_answers_and_errors(path: str) -> None:
    cors = Cors(frozenset({VIEWER}), allow_credentials=True)
    with recorded_logs():
        async with (
            SmallApp().served(cors=cors) as server,
            httpx.AsyncClient(base_url=server.url) as client,
        ):
            headers = (await client.get(path, headers={"Origin": VIEWER})).headers

    assert headers["access-control-allow-origin"] == VIEWER
    assert headers["access-control-allow-credentials"] == "true"
    assert "ETag" in headers["access-control-expose-headers"]
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert "Origin" in headers["vary"]


async def test_vary_of_the_answer_and_of_cors_add_up() -> None:
    async with (
        SmallApp().served(cors=Cors(frozenset({VIEWER}))) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.get("/hello/you", headers={"Origin": VIEWER})

    assert set(answer.headers.get_list("vary")) == {"Accept", "Origin"}


async def test_other_origins_get_no_permission() -> None:
    async with (
        SmallApp().served(cors=Cors(frozenset({VIEWER}))) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        headers = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "GET"}
        answer = await client.options("/hello/you", headers=headers)

    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("cors", "origin", "policy"),
    [
        (Cors(), None, "same-origin"),
        (Cors(), VIEWER, "same-origin"),
        (Cors(frozenset({VIEWER})), None, "cross-origin"),
        (Cors(frozenset({VIEWER})), VIEWER, "cross-origin"),
        (Cors(frozenset({VIEWER})), "https://evil.example.org", "same-origin"),
        (Cors(frozenset({VIEWER}), embedding=False), None, "same-origin"),
        (Cors(frozenset({VIEWER}), embedding=False), VIEWER, "cross-origin"),
    ],
)
@pytest.mark.parametrize("path", ["/hello/you", "/nowhere"])
async def test_images_can_be_shown_elsewhere_once_an_origin_is_allowed(
    path: str, cors: Cors, origin: str | None, policy: str
) -> None:
    """`<img>` and `<video>` ask without naming their origin."""
    headers = {} if origin is None else {"Origin": origin}
    async with (
        SmallApp().served(cors=cors) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.get(path, headers=headers)

    assert answer.headers.get_list("cross-origin-resource-policy") == [policy]
    assert ("Origin" in answer.headers.get("vary", "")) is cors.on


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Accept",
        "Content-Type",
        "Range",
        "If-None-Match",
        "If-Range",
        "msdicom-request-original",
        "msdicom-expiry-time-milliseconds",
        "msdicom-request-meta",
        "msdicom-meta-lo-00111001",
    ],
)
async def test_a_preflight_allows_the_headers_that_viewers_send(name: str) -> None:
    async with (
        SmallApp().served(cors=Cors(frozenset({VIEWER}))) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.options(
            "/nowhere",
            headers={
                "Origin": VIEWER,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": name.lower(),
            },
        )

    assert answer.status_code == 204
    assert name in answer.headers["access-control-allow-headers"].split(", ")


async def test_a_preflight_is_answered_without_asking_the_route() -> None:
    async with (
        SmallApp().served(cors=Cors(frozenset({"*"}), max_age_seconds=60)) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.options(
            "/v2/hello/you",
            headers={
                "Origin": VIEWER,
                "Access-Control-Request-Method": "DELETE",
                "Access-Control-Request-Headers": "authorization",
            },
        )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["access-control-max-age"] == "60"


async def test_a_limit_that_was_hit_is_counted_by_the_name_of_its_setting() -> None:
    app = SmallApp()
    async with app.served() as server, httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/limit")

    assert (answer.status_code, app.meter.limits) == (413, ["stow.parts"])
