"""Who gets in, over HTTP."""

from hilum.access import AccessScope
from tests.integration.http.conftest import Start
from tests.integration.http.instances import a_planted_instance

STORE = {"Content-Type": "application/dicom", "Accept": "application/dicom+json"}
SEARCH = {"Accept": "application/dicom+json"}
REQUIRED = {"security__authentication": "required"}


async def test_without_credentials_a_search_is_401_with_a_challenge(start: Start) -> None:
    gateway = await start(**REQUIRED)

    for path in ("/v1/studies", "/v2/studies", "/dicom-web/studies"):
        answer = await gateway.client.get(path, headers=SEARCH)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "X-API-Key" in answer.text


async def test_each_method_demands_its_scope(start: Start) -> None:
    gateway = await start(**REQUIRED)
    reader = await gateway.key(AccessScope.READ)
    writer = await gateway.key(AccessScope.WRITE)
    deleter = await gateway.key(AccessScope.DELETE)
    client, study = gateway.client, "1.2.826.0.1.77"

    async def store(headers: dict[str, str]) -> int:
        body = a_planted_instance(study)
        answer = await client.post("/v2/studies", content=body, headers=STORE | headers)
        return answer.status_code

    async def search(headers: dict[str, str]) -> int:
        return (await client.get("/v2/studies", headers=SEARCH | headers)).status_code

    async def delete(headers: dict[str, str]) -> int:
        return (await client.delete(f"/v2/studies/{study}", headers=headers)).status_code

    assert [await store(who) for who in (reader, deleter)] == [403, 403]
    assert await store(writer) == 200
    assert [await search(who) for who in (writer, deleter, reader)] == [403, 403, 200]
    assert [await delete(who) for who in (reader, writer, deleter)] == [403, 403, 204]
    everything = await gateway.key(AccessScope.EVERYTHING)
    assert await store(everything) == 200


async def test_the_answer_to_a_missing_scope_names_it_as_text_or_problem(start: Start) -> None:
    gateway = await start(**REQUIRED)
    writer = await gateway.key(AccessScope.WRITE)

    dicomweb = await gateway.client.get("/v2/studies", headers=SEARCH | writer)
    product = await gateway.client.get("/api/v1/statistics", headers=writer)

    assert dicomweb.headers["content-type"].startswith("text/plain")
    assert "'read'" in dicomweb.text
    assert product.headers["content-type"] == "application/problem+json"
    assert product.json()["type"] == "/problems/not-allowed"


async def test_machines_may_ask_for_health_without_credentials(start: Start) -> None:
    gateway = await start(**REQUIRED)

    for path in ("/health", "/health/check", "/ready", "/docs", "/problems"):
        assert (await gateway.client.get(path)).status_code == 200, path


async def test_metrics_ask_for_a_scope_unless_they_are_opened(start: Start) -> None:
    gateway = await start(**REQUIRED)
    reader = await gateway.key(AccessScope.READ)

    assert (await gateway.client.get("/metrics")).status_code == 401
    assert (await gateway.client.get("/metrics", headers=reader)).status_code == 200


async def test_opened_metrics_are_for_everybody(start: Start) -> None:
    gateway = await start(**REQUIRED, telemetry__open_metrics=True)

    assert (await gateway.client.get("/metrics")).status_code == 200


async def test_the_landing_page_shows_what_is_held_to_readers_only(start: Start) -> None:
    gateway = await start(**REQUIRED)
    writer = await gateway.key(AccessScope.WRITE)
    reader = await gateway.key(AccessScope.READ)
    study = "1.2.826.0.1.78"
    body = a_planted_instance(study)
    await gateway.client.post("/v2/studies", content=body, headers=STORE | writer)

    for headers in ({}, writer, {"Authorization": "Bearer nonsense"}):
        answer = await gateway.client.get("/", headers=headers)
        assert answer.status_code == 200
        assert study not in answer.text
        assert "Held here" not in answer.text
    assert study in (await gateway.client.get("/", headers=reader)).text


async def test_what_a_principal_stored_carries_its_name(start: Start) -> None:
    gateway = await start(**REQUIRED)
    writer = await gateway.key(AccessScope.WRITE)
    headers = STORE | writer | {"X-Correlation-ID": "story-1"}

    await gateway.client.post(
        "/v2/studies", content=a_planted_instance("1.2.826.0.1.79"), headers=headers
    )

    (entry,) = await gateway.serving.archive.index.feed(0, 10)
    assert entry.correlation_id == "story-1"


async def test_the_feed_says_which_feed_it_is(start: Start) -> None:
    gateway = await start()

    answer = await gateway.client.get("/api/v1/feed")

    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["x-feed-id"] == await gateway.serving.archive.index.feed_id()


async def test_refusals_are_counted_by_reason(start: Start) -> None:
    gateway = await start(**REQUIRED, telemetry__open_metrics=True)
    for headers in ({}, {"X-API-Key": "hilum_" + "0" * 12 + "_" + "0" * 64}):
        await gateway.client.get("/v2/studies", headers=SEARCH | headers)

    metrics = (await gateway.client.get("/metrics")).text

    assert 'hilum_access_refused_total{reason="missing"} 1.0' in metrics
    assert 'hilum_access_refused_total{reason="unknown-key"} 1.0' in metrics
