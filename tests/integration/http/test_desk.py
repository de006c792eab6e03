"""What people and machines see of a running gateway."""

import re
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from hilum import __version__
from hilum.domain.errors import HilumError
from tests.integration.http.conftest import Gateway
from tests.phi import PATIENT, assert_no_patient


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _loads_nothing(answer: httpx.Response) -> None:
    tags = _Tags(answer.text).found
    assert not [tag for tag, _ in tags if tag in {"script", "img", "link", "iframe", "object"}]
    assert not [attrs for _, attrs in tags if any(name.startswith("on") for name in attrs)]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"


async def test_the_landing_page_says_what_is_running(gateway: Gateway) -> None:
    answer = await gateway.client.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert __version__ in answer.text
    assert "/dicom-web" in answer.text
    assert "hilum demo" in answer.text
    _loads_nothing(answer)


async def test_the_style_of_a_page_is_the_one_its_policy_names(gateway: Gateway) -> None:
    import base64
    import hashlib

    answer = await gateway.client.get("/")

    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


async def test_every_link_of_the_landing_page_leads_somewhere(gateway: Gateway) -> None:
    answer = await gateway.client.get("/")
    links = {attrs["href"] for tag, attrs in _Tags(answer.text).found if tag == "a"}

    assert links >= {"./docs", "./ready", "./metrics", "./health", "./problems"}
    for link in links:
        assert link is not None
        assert (await gateway.client.get(f"/{link}")).status_code == 200, link


async def test_links_stay_behind_the_path_of_a_proxy(gateway: Gateway) -> None:
    outside = "http://proxy.example.org/pacs"
    pages = ("/", "/docs", "/docs/", "/problems", "/problems/archive-full", "/dicom-web", "/v2/")
    for path in pages:
        answer = await gateway.client.get(path, headers={"Accept": "text/html"})
        links = {str(attrs["href"]) for tag, attrs in _Tags(answer.text).found if tag == "a"}

        assert answer.status_code == 200, path
        seen = {urljoin(outside + path, link) for link in links}
        assert seen >= {outside + each for each in ("/", "/docs", "/ready")}, path
        assert all(each.startswith(f"{outside}/") for each in seen), path


async def test_health_only_says_that_the_process_is_alive(gateway: Gateway) -> None:
    answer = await gateway.client.get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "healthy", "service": "hilum"})


async def test_ready_lists_every_component(gateway: Gateway) -> None:
    answer = await gateway.client.get("/ready")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (200, "ready")
    names = [component["name"] for component in body["components"]]
    assert names == ["database", "disk", "committer", "delivery", "operations", "quarantine"]
    assert answer.headers["cache-control"] == "no-store"


async def test_health_check_has_the_shape_of_the_azure_service(gateway: Gateway) -> None:
    answer = await gateway.client.get("/health/check")

    body = answer.json()
    assert (answer.status_code, body["overallStatus"]) == (200, "Healthy")
    assert set(body["details"][0]) == {"name", "status", "description"}


async def test_metrics_count_requests_by_route_and_not_by_path(gateway: Gateway) -> None:
    secret_path = "/dicom-web/studies/1.2.3.777777/metadata"
    await gateway.client.get(secret_path)
    await gateway.client.get("/dicom-web/studies", params={"PatientID": PATIENT.patient_id})

    answer = await gateway.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'route="/dicom-web/studies/{study}/metadata",status="404"} 1.0' in answer.text
    assert "777777" not in answer.text
    assert "hilum_disk_free_bytes" in answer.text
    assert "hilum_instances 0.0" in answer.text
    assert_no_patient(answer.content, "/metrics")


async def test_the_root_of_a_surface_says_what_lies_below(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()

    for prefix in ("/v1", "/v2", "/dicom-web"):
        for path in (prefix, f"{prefix}/"):
            told = (await gateway.client.get(path)).json()
            for resource in told["resources"]:
                assert resource["method"].lower() in document["paths"][resource["path"]], resource
        shown = await gateway.client.get(prefix, headers={"Accept": "text/html"})
        assert (shown.status_code, f"{prefix}/studies" in shown.text) == (200, True)
        _loads_nothing(shown)


async def test_without_an_orthanc_the_webhook_says_so(gateway: Gateway) -> None:
    answer = await gateway.client.post("/api/v1/ingestion/studies", json={"ID": "x"})

    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/no-orthanc-configured"
    assert "orthanc.sources" in answer.json()["detail"]


async def test_the_openapi_document_names_every_dicomweb_route(gateway: Gateway) -> None:
    document = (await gateway.client.get("/openapi.json")).json()

    for prefix in ("/v1", "/v2", "/dicom-web"):
        assert {"get", "post"} <= set(document["paths"][f"{prefix}/studies"])
        instance = f"{prefix}/studies/{{study}}/series/{{series}}/instances/{{instance}}"
        assert {"get", "delete"} <= set(document["paths"][instance])
    assert "/ready" in document["paths"]


async def test_the_page_of_the_api_shows_it_without_the_network(gateway: Gateway) -> None:
    answer = await gateway.client.get("/docs")

    assert answer.status_code == 200
    assert "/dicom-web/studies/{study}/metadata" in answer.text
    assert "http://" not in re.sub(r"http://127[^\s\"<]*", "", answer.text)
    assert "https://" not in answer.text
    _loads_nothing(answer)


def _codes(kind: type[HilumError]) -> set[str]:
    return {kind.code}.union(*(_codes(child) for child in kind.__subclasses__()))


async def test_every_error_code_has_its_page(gateway: Gateway) -> None:
    for code in sorted(_codes(HilumError)):
        answer = await gateway.client.get(f"/problems/{code}")

        assert answer.status_code == 200, code
        assert code in answer.text
        _loads_nothing(answer)


async def test_an_unknown_error_code_is_itself_a_problem(gateway: Gateway) -> None:
    answer = await gateway.client.get("/problems/<script>")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "<script>" not in answer.text


async def test_the_products_own_api_tells_status_and_counts(gateway: Gateway) -> None:
    status = (await gateway.client.get("/api/v1/status")).json()
    statistics = (await gateway.client.get("/api/v1/statistics")).json()

    assert (status["service"], status["version"]) == ("hilum", __version__)
    assert status["doors"][0]["address"] == "/dicom-web"
    assert (statistics["studies"], statistics["newest_studies"]) == (0, [])


async def test_an_archive_with_patients_shows_none_of_them(gateway: Gateway) -> None:
    from tests.integration.http.instances import a_planted_instance

    stored = await gateway.client.post(
        "/dicom-web/studies",
        content=a_planted_instance("1.2.826.0.1.99"),
        headers={"Content-Type": "application/dicom"},
    )
    assert stored.status_code == 200, stored.text

    for path in ("/", "/api/v1/statistics", "/metrics", "/ready"):
        answer = await gateway.client.get(path)
        assert answer.status_code == 200, path
        assert_no_patient(answer.content, path)
    answer = await gateway.client.get("/")
    assert "1.2.826.0.1.99" in answer.text
    assert "MR" in answer.text
