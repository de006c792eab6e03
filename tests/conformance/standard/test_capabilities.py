"""Retrieve Capabilities (PS3.18 section 8.9 and Annex H), on every surface."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree.ElementTree import Element, fromstring

import httpx
import numpy as np
import pytest

from hilum.wire.surfaces import SURFACES
from tests.instances import part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.imaging.shown import an_image

WADL: Final = "application/vnd.sun.wadl+xml"
NAMESPACE: Final = "{http://wadl.dev.java.net/2009/02}"
PREFIXES: Final = [surface.prefix for surface in SURFACES]
# The content models of wadl.xsd (W3C Member Submission of 31 August 2009), as far as they are
# used: children in their order, attributes that must be there, and those that may.
MODEL: Final[Mapping[str, tuple[list[set[str]], set[str], set[str]]]] = {
    "application": ([{"doc"}, {"resources"}], set(), set()),
    "resources": ([{"doc"}, {"resource"}], {"base"}, set()),
    "resource": ([{"doc"}, {"param"}, {"method", "resource"}], {"path"}, set()),
    "method": ([{"doc"}, {"request"}, {"response"}], {"name", "id"}, set()),
    "request": ([{"doc"}, {"param"}, {"representation"}], set(), set()),
    "response": ([{"doc"}, {"param"}, {"representation"}], {"status"}, set()),
    "representation": ([{"doc"}, {"param"}], {"mediaType"}, set()),
    "param": ([{"doc"}, {"option"}], {"name", "style", "type"}, {"required"}),
    "option": ([{"doc"}], {"value"}, set()),
    "doc": ([], {"title"}, set()),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("capabilities")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=WADL) as client:
        yield client


def document(client: httpx.Client, prefix: str) -> Element:
    answer = client.request("OPTIONS", f"{prefix}/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == WADL
    return fromstring(answer.content)


def transactions(client: httpx.Client, prefix: str) -> list[dict[str, Any]]:
    answer = client.get(f"{prefix}/capabilities", headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    told: list[dict[str, Any]] = answer.json()["transactions"]
    return told


def of_wadl(element: Element, path: str = "") -> Iterator[tuple[str, str]]:
    for child in element:
        if child.tag == f"{NAMESPACE}method":
            yield child.attrib["name"], path
        elif child.tag == f"{NAMESPACE}resource":
            yield from of_wadl(child, f"{path}/{child.attrib['path']}")


def assert_follows_the_schema(element: Element) -> None:
    name = element.tag.removeprefix(NAMESPACE)
    order, required, optional = MODEL[name]
    assert required <= set(element.attrib) <= required | optional, name
    position = 0
    for child in element:
        kind = child.tag.removeprefix(NAMESPACE)
        while kind not in order[position]:
            position += 1
            assert position < len(order), f"{kind} in {name}"
        assert_follows_the_schema(child)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_description_has_the_structure_of_wadl(client: httpx.Client, prefix: str) -> None:
    application = document(client, prefix)

    assert application.tag == f"{NAMESPACE}application"
    assert_follows_the_schema(application)
    ids = [method.attrib["id"] for method in application.iter(f"{NAMESPACE}method")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_one_resources_element_has_the_base_url(client: httpx.Client, prefix: str) -> None:
    (resources,) = document(client, prefix).iter(f"{NAMESPACE}resources")

    assert resources.attrib["base"] == f"{client.base_url}".rstrip("/") + f"{prefix}/"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_is_described_is_what_the_documentation_of_the_routes_lists(
    client: httpx.Client, prefix: str
) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    documented = {
        (method.upper(), path.removeprefix(prefix))
        for path, operations in paths.items()
        if path.startswith(f"{prefix}/")
        and path not in {f"{prefix}/capabilities", f"{prefix}/api.yaml"}
        for method in operations
    }
    (resources,) = document(client, prefix).iter(f"{NAMESPACE}resources")

    described = set(of_wadl(resources))

    assert {each for each in described if each[0] != "HEAD"} == documented
    heads = {path for method, path in described if method == "HEAD"}
    assert heads <= {path for method, path in documented if method == "GET"}
    assert "/studies" in heads


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_forms_describe_the_same(client: httpx.Client, prefix: str) -> None:
    (resources,) = document(client, prefix).iter(f"{NAMESPACE}resources")

    told = transactions(client, prefix)

    assert [(each["method"], each["path"]) for each in told] == list(of_wadl(resources))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_transaction_that_is_described_exists(client: httpx.Client, prefix: str) -> None:
    uids = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.2.3.4.5"}
    for told in transactions(client, prefix):
        path = told["path"]
        for name, value in uids.items():
            path = path.replace(f"{{{name}}}", value)
        path = path.replace("{frames}", "1")

        answer = client.request(told["method"], prefix + path, headers={"Accept": "*/*"})

        assert answer.status_code not in {405, 500}, told
        assert "no resource at this address" not in answer.text, told


def test_capabilities_of_the_standard_name_what_frames_can_be_asked_for(
    client: httpx.Client,
) -> None:
    (frames,) = (
        each
        for each in transactions(client, "/dicom-web")
        if each["path"].endswith("/frames/{frames}") and each["method"] == "GET"
    )

    (accept,) = (each for each in frames["parameters"] if each["in"] == "header")

    assert 'multipart/related; type="image/jls"' in accept["options"]
    assert "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80" in accept["options"]


def test_the_strict_surfaces_offer_fewer_frames(client: httpx.Client) -> None:
    (frames,) = (
        each
        for each in transactions(client, "/v2")
        if each["path"].endswith("/frames/{frames}") and each["method"] == "GET"
    )

    (accept,) = (each for each in frames["parameters"] if each["in"] == "header")

    assert accept["options"] == [
        'multipart/related; type="application/octet-stream"',
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
        'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1',
        'multipart/related; type="image/jp2"',
        'multipart/related; type="image/jp2"; transfer-syntax=1.2.840.10008.1.2.4.90',
        "application/octet-stream",
        "application/octet-stream; transfer-syntax=*",
        "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1",
    ]


def test_a_search_lists_what_it_matches_on(client: httpx.Client) -> None:
    by_path = {
        each["path"]: {parameter["name"] for parameter in each["parameters"]}
        for each in transactions(client, "/v2")
        if each["method"] == "GET"
    }

    assert {"PatientID", "Modality"} <= by_path["/series"]
    assert "Modality" in by_path["/studies/{study}/series"]
    assert "PatientID" not in by_path["/studies/{study}/series"]
    assert "Modality" not in by_path["/studies"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", WADL),
        ("application/*", WADL),
        ("application/json, application/vnd.sun.wadl+xml;q=0.5", "application/json"),
        ("text/html, application/json;q=0.1", "application/json"),
    ],
)
def test_the_liked_form_is_given(client: httpx.Client, accept: str, media_type: str) -> None:
    answer = client.request("OPTIONS", "/dicom-web", headers={"Accept": accept})

    assert answer.headers["content-type"] == media_type
    assert answer.headers["vary"] == "Accept"


def test_a_parameter_chooses_the_form_where_no_header_can(client: httpx.Client) -> None:
    answer = client.get("/dicom-web/capabilities?accept=application/vnd.sun.wadl+xml")

    assert answer.headers["content-type"] == WADL


def test_another_form_is_not_acceptable(client: httpx.Client) -> None:
    answer = client.request("OPTIONS", "/dicom-web/", headers={"Accept": "text/css"})

    assert answer.status_code == 406
    assert WADL in answer.text


def test_a_service_behind_a_proxy_has_the_base_the_proxy_names(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    public = {"port": 0, "public_url": "https://pacs.example.org/hilum"}
    folder = tmp_path_factory.mktemp("proxied")
    with ServedDicomWeb(folder, http=public) as server, server.client(accept=WADL) as client:
        (resources,) = document(client, "/dicom-web").iter(f"{NAMESPACE}resources")

    assert resources.attrib["base"] == "https://pacs.example.org/hilum/dicom-web/"


def test_capabilities_need_no_credentials(tmp_path_factory: pytest.TempPathFactory) -> None:
    required = {"authentication": "required"}
    folder = tmp_path_factory.mktemp("closed")
    with ServedDicomWeb(folder, security=required) as server, server.client(WADL) as client:
        assert client.request("OPTIONS", "/dicom-web/").status_code == 200
        assert client.get("/dicom-web/studies").status_code == 401


STORED: Final = {
    "study": "1.2.826.0.1.3680043.10.38.1",
    "series": "1.2.826.0.1.3680043.10.38.1.1",
    "instance": "1.2.826.0.1.3680043.10.38.1.1.1",
}
OF_INSTANCES: Final = ("/studies", "/series", "/instances", "/wado")
"""Of other resources something else than an image must be there."""
NOT_OF_A_GREY_IMAGE: Final = re.compile(
    r"video/|model/|text/|application/(pdf|xml$)|image/(jpx|jxl)"
)
"""Forms of video, documents and reports, and syntaxes in which something must be stored."""


def an_offer(told: Mapping[str, Any]) -> Iterator[str]:
    """Media types of a transaction that a grey image can be had in, without transfer syntaxes."""
    for parameter in told["parameters"]:
        if parameter["in"] == "header":
            for option in parameter["options"]:
                named = "transfer-syntax" in option
                # Pixel data that is not encapsulated is octets only, as a bulk value.
                is_image = told["id"] == "RetrieveBulkValue" and "image/" in option
                if not named and not is_image and NOT_OF_A_GREY_IMAGE.search(option) is None:
                    yield option


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_media_type_that_is_described_is_given(
    server: ServedDicomWeb, client: httpx.Client, prefix: str
) -> None:
    grey = an_image(
        np.arange(256, dtype=np.uint8).reshape(16, 16),
        StudyInstanceUID=STORED["study"],
        SeriesInstanceUID=STORED["series"],
        SOPInstanceUID=STORED["instance"],
    )
    server.keep(part10(grey))
    required = {
        "requestType": "WADO",
        "studyUID": STORED["study"],
        "seriesUID": STORED["series"],
        "objectUID": STORED["instance"],
    }
    asked = 0
    for told in transactions(client, prefix):
        if told["method"] != "GET" or not told["path"].startswith(OF_INSTANCES):
            continue
        path = told["path"].format(**STORED, frames="1", path="7FE00010")
        for option in an_offer(told):
            parameters = required if path == "/wado" else {}

            answer = client.get(prefix + path, params=parameters, headers={"Accept": option})

            assert answer.status_code == 200, (told["id"], option, answer.text)
            given, wanted = answer.headers["content-type"], option.partition("; ")[0]
            assert given.startswith(wanted), (told["id"], option, given)
            asked += 1
    assert asked > 15
