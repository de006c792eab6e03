"""External metadata as the managed Azure service has it: section 2.8 of its description."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from tests.instances import a_multipart, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
WARD, COST, NAME = (
    f"msdicom-meta-{name}" for name in ("LO-00111001", "US-00111102", "PN-00131001")
)
WITH = {"msdicom-request-meta": "true"}
ROOT = "1.2.826.0.1.3680043.10.29"
LIMITS = {"headers": 3, "value_bytes": 80, "tags": 8}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    folder = tmp_path_factory.mktemp("external")
    with ServedDicomWeb(folder, external_metadata=LIMITS) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def an_image(study: int, number: int = 1) -> bytes:
    return an_instance(
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.1",
        SOPInstanceUID=f"{ROOT}.{study}.1.{number}",
    )


def store(
    client: httpx.Client,
    *instances: bytes,
    said: dict[str, str] | None = None,
    method: str = "POST",
    surface: str = "/v2",
) -> httpx.Response:
    headers = [*MULTIPART.items(), *((said or {}).items())]
    return client.request(
        method,
        f"{surface}/studies",
        content=a_multipart(*instances),
        headers=[(name.encode(), value.encode()) for name, value in headers],
    )


def told(client: httpx.Client, path: str, surface: str = "/v2") -> dict[str, Any]:
    """Private elements of the only data set at `path`."""
    (dataset,) = client.get(f"{surface}/{path}", headers=WITH).raise_for_status().json()
    return {key: element for key, element in dataset.items() if key[3] in "13579BDF"}


def metadata_of(study: int) -> str:
    return f"studies/{ROOT}.{study}/metadata"


EXPECTED = {
    "00110010": {"vr": "LO", "Value": ["Microsoft"]},
    "00110011": {"vr": "LO", "Value": ["Microsoft"]},
    "00111001": {"vr": "LO", "Value": ["Ward 7 Süd"]},
    "00111102": {"vr": "US", "Value": [12]},
    "00130010": {"vr": "LO", "Value": ["Microsoft"]},
    "00131001": {"vr": "PN", "Value": [{"Alphabetic": "Payer^Pat"}]},
}
SAID = {WARD: "Ward 7 Süd", COST.upper(): "12", NAME: "Payer^Pat"}


@pytest.mark.azure("2.8-external-headers", "2.8-external-told", "2.8-external-creator")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_a_store_says_of_its_studies_is_told_on_every_level(
    client: httpx.Client, method: str
) -> None:
    study = {"POST": 1, "PUT": 2}[method]
    assert store(client, an_image(study), said=SAID, method=method).status_code == 200

    series = f"studies/{ROOT}.{study}/series/{ROOT}.{study}.1"
    for path in (
        metadata_of(study),
        f"{series}/metadata",
        f"{series}/instances/{ROOT}.{study}.1.1/metadata",
        f"studies?StudyInstanceUID={ROOT}.{study}",
        f"series?StudyInstanceUID={ROOT}.{study}",
        f"instances?StudyInstanceUID={ROOT}.{study}",
    ):
        assert told(client, path) == EXPECTED, path
        found = client.get(f"/v2/{path}", headers=WITH)
        assert list(found.json()[0]) == sorted(found.json()[0])
        assert "msdicom-request-meta" in found.headers["vary"]
        plain = client.get(f"/v2/{path}")
        assert plain.json()[0].keys() == found.json()[0].keys() - EXPECTED.keys()
        assert "msdicom-request-meta" in plain.headers["vary"]
    for path in (f"studies/{ROOT}.{study}/series", f"studies/{ROOT}.{study}/instances"):
        assert told(client, path) == {}


@pytest.mark.azure("2.8-external-told")
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_the_etag_tells_what_was_said(client: httpx.Client, encoding: str) -> None:
    study = {"gzip": 3, "identity": 4}[encoding]
    address = f"/v2/{metadata_of(study)}"
    accept = {"Accept-Encoding": encoding}
    store(client, an_image(study), said={WARD: "one"})
    tags = [client.get(address, headers=accept).headers["etag"]]
    tags.append(client.get(address, headers=accept | WITH).headers["etag"])

    again = client.get(address, headers={**accept, **WITH, "If-None-Match": tags[1]})
    assert again.status_code == 304
    store(client, an_image(study), said={WARD: "two"}, method="PUT")
    changed = client.get(address, headers={**accept, **WITH, "If-None-Match": tags[1]})
    assert changed.json()[0]["00111001"]["Value"] == ["two"]
    tags.append(changed.headers["etag"])
    assert client.get(address, headers={"If-None-Match": tags[0]}).status_code == 304
    assert len(set(tags)) == 3


@pytest.mark.azure("2.8-external-last")
def test_the_last_store_counts_and_one_that_stores_or_names_nothing_changes_nothing(
    client: httpx.Client,
) -> None:
    store(client, an_image(5), said={WARD: "one", COST: "1"})
    assert store(client, an_image(5), said={WARD: "never"}).status_code == 409
    store(client, an_image(5, 2), said={COST: "2"})
    store(client, an_image(5, 3))
    store(client, an_image(5, 4), surface="/v1", said={WARD: "never"})
    store(client, an_image(5, 5), surface="/dicom-web", said={WARD: "never"})

    every = client.get(f"/v2/{metadata_of(5)}", headers=WITH).json()
    assert len(every) == 5
    assert {each["00111001"]["Value"][0] for each in every} == {"one"}
    assert {each["00111102"]["Value"][0] for each in every} == {2}
    client.delete(f"/v2/studies/{ROOT}.5").raise_for_status()
    store(client, an_image(5))
    assert told(client, metadata_of(5)) == {}


@pytest.mark.azure("2.8-external-v2-only")
@pytest.mark.parametrize("surface", ["/v1", "/dicom-web"])
def test_other_surfaces_tell_nothing_of_it(client: httpx.Client, surface: str) -> None:
    store(client, an_image(6), said={WARD: "one"}, method="PUT")

    for path in (metadata_of(6), f"studies?StudyInstanceUID={ROOT}.6"):
        assert told(client, path, surface) == {}
        with_header = client.get(f"{surface}/{path}", headers=WITH)
        without = client.get(f"{surface}/{path}")
        assert with_header.headers.get("etag") == without.headers.get("etag")


@pytest.mark.azure("2.8-external-vr-fixed")
def test_the_vr_of_a_tag_is_fixed_by_its_first_use(client: httpx.Client) -> None:
    store(client, an_image(7), said={"msdicom-meta-DA-00211001": "20310506"})

    refused = store(client, an_image(8), said={"msdicom-meta-LO-00211001": "spring"})

    assert refused.status_code == 400
    assert "00211001 has VR DA" in refused.text
    assert "spring" not in refused.text
    assert client.get(f"/v2/{metadata_of(8)}").status_code == 404


@pytest.mark.azure("2.8-external-headers", "2.8-external-vrs")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OB-00111001", "SECRET"),
        ("LO-00101001", "SECRET"),
        ("LO-00110010", "SECRET"),
        ("LO-0011100", "SECRET"),
        ("LO-0011100G", "SECRET"),
        ("LO", "SECRET"),
        ("LO-00111001", ""),
        ("LO-00111001", "SECRET" * 12),
        ("LO-00111001", "SEC\\RET"),
        ("SH-00151001", "SECRET" * 3),
        ("CS-00151001", "secret"),
        ("DA-00151001", "20310230"),
        ("AS-00151001", "SECRET"),
        ("US-00151001", "65536"),
        ("SS-00151001", "SECRET"),
        ("FL-00151001", "1e39"),
        ("FD-00151001", "nan"),
        ("DS-00151001", "1e999"),
        ("IS-00151001", "2147483648"),
        ("PN-00151001", "a=b=c=SECRET"),
        ("UI-00151001", "1.02"),
    ],
)
def test_what_cannot_be_kept_is_a_bad_request_that_repeats_no_value(
    client: httpx.Client, name: str, value: str
) -> None:
    response = store(client, an_image(9), said={f"msdicom-meta-{name}": value})

    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/plain")
    assert "msdicom-meta-" in response.text
    assert not value or value not in response.text
    assert client.get(f"/v2/{metadata_of(9)}").status_code == 404


@pytest.mark.azure("2.8-external-creator")
def test_a_block_that_the_data_set_has_for_another_is_left_to_it(client: httpx.Client) -> None:
    dataset = pydicom.dcmread(BytesIO(an_image(11)))
    dataset.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "theirs")
    store(client, part10(dataset), said={WARD: "ours", COST: "3"})

    assert told(client, metadata_of(11)) == {
        "00110010": {"vr": "LO", "Value": ["ACME"]},
        "00110011": {"vr": "LO", "Value": ["Microsoft"]},
        "00110012": {"vr": "LO", "Value": ["Microsoft"]},
        "00111001": {"vr": "LO", "Value": ["theirs"]},
        "00111102": {"vr": "US", "Value": [3]},
        "00111201": {"vr": "LO", "Value": ["ours"]},
    }


def test_limits_are_told_with_the_setting(client: httpx.Client) -> None:
    many = {f"msdicom-meta-LO-0017100{n}": "x" for n in range(4)}
    assert "external_metadata.headers" in store(client, an_image(10), said=many).text
    long = store(client, an_image(10), said={WARD: "y" * 81})
    assert "external_metadata.value_bytes" in long.text
    twice = store(client, an_image(10), said={WARD: "a", WARD.replace("LO", "SH"): "b"})
    assert "00111001 more than once" in twice.text
    last = long
    for number in range(1, 10):
        last = store(client, an_image(10, number), said={f"msdicom-meta-LO-0017100{number}": "x"})
    assert "external_metadata.tags" in last.text
    assert {each.status_code for each in (long, twice, last)} == {400}


@pytest.mark.azure("2.8-external-told")
def test_it_is_told_by_partition_and_its_headers_are_documented(tmp_path: Path) -> None:
    with ServedDicomWeb(tmp_path, partitions={"enabled": True}) as server, server.client() as http:
        for name, value in (("north", "one"), ("south", "two")):
            store(http, an_image(1), said={WARD: value}, surface=f"/v2/partitions/{name}")
        other = store(
            http,
            an_image(2),
            said={WARD.replace("LO", "SH"): "x"},
            surface="/v2/partitions/west",
        )
        assert other.status_code == 200
        found = [
            told(http, metadata_of(1), f"/v2/partitions/{name}")["00111001"]["Value"]
            for name in ("north", "south")
        ]
        documents = [http.get(f"{version}/api.yaml").text for version in ("/v1", "/v2")]

    assert found == [["one"], ["two"]]
    assert ["msdicom-request-meta" in text for text in documents] == [False, True]
    assert ["msdicom-meta-LO" in text for text in documents] == [False, True]


def test_switched_off_the_headers_are_passed_over(tmp_path: Path) -> None:
    off = ServedDicomWeb(tmp_path, external_metadata={"enabled": False})
    with off as server, server.client() as http:
        assert store(http, an_image(1), said={"msdicom-meta-XX": "x"}).status_code == 200
        assert told(http, metadata_of(1)) == {}
        assert "msdicom" not in http.get("/v2/studies").headers.get("vary", "")
