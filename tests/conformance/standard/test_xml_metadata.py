"""Metadata as `application/dicom+xml` (PS3.18 10.4.4, PS3.19 A.1)."""

import gzip
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import httpx
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum.dicom.native_model import native_model
from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.native_model import read_model
from tests.served_dicomweb import ServedDicomWeb

PARTS = {"Accept": 'multipart/related; type="application/dicom+xml"'}
ROOT = "1.2.826.0.1.3680043.10.19"
STUDY = f"{ROOT}.1"
LARGE = f"{ROOT}.2"
FIRST = f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"
COUNT = 5
ITEMS = 800


def an_instance(study: str, number: int, items: int = 2) -> bytes:
    item = Dataset()
    item.TextValue = f"{number}" * 1000
    dataset = a_dataset(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.{number}",
        InstanceNumber=number,
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Yamada^Tarou=山田^太郎",
        ImageComments="Größe < 5 & \x07\r\n",
        ProcedureCodeSequence=Sequence([item] * items),
        PixelData=bytes(range(256)) * 16,
    )
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(0x01, "SH", "private")
    return part10(dataset)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    settings = {"retrieve": {"page_metadata": 2}}
    with ServedDicomWeb(tmp_path_factory.mktemp("xml"), **settings) as served:
        served.keep(*(an_instance(STUDY, number) for number in range(1, COUNT + 1)))
        served.keep(*(an_instance(LARGE, number, ITEMS) for number in range(1, 4)))
        yield served


@pytest.fixture(scope="module")
def client(served: ServedDicomWeb) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.url}/dicom-web", timeout=60) as client:
        yield client


def documents(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text
    found = parts(response)
    assert {headers["Content-Type"] for headers, _ in found} == {"application/dicom+xml"}
    return [document for _, document in found]


@pytest.mark.parametrize(
    ("path", "count"),
    [(f"/studies/{STUDY}", COUNT), (f"/studies/{STUDY}/series/{STUDY}.1", COUNT), (FIRST, 1)],
)
def test_there_is_a_document_for_each_instance_that_says_what_json_says(
    client: httpx.Client, path: str, count: int
) -> None:
    as_json = client.get(f"{path}/metadata").json()

    models = [read_model(each) for each in documents(client.get(f"{path}/metadata", headers=PARTS))]

    assert len(models) == count
    for model, dataset in zip(models, as_json, strict=True):
        same = read_model("".join(native_model(dataset)))
        assert [(key, value.vr, value.keyword) for key, value in model.items()] == [
            (key, value.vr, value.keyword) for key, value in same.items()
        ]
        assert model["00204000"].content == ["Größe < 5 & \ufffd\r\n"]
        assert model["00090001 ACME"].content == ["private"]


def test_pixel_data_is_referred_to_and_can_be_retrieved(client: httpx.Client) -> None:
    (document,) = documents(client.get(f"{FIRST}/metadata", headers=PARTS))

    (bulk,) = read_model(document)["7FE00010"].content
    assert isinstance(bulk, ET.Element)
    assert bulk.attrib == {"uri": f"{client.base_url}{FIRST[1:]}/bulkdata/7FE00010"}
    response = client.get(bulk.attrib["uri"], headers={"Accept": "application/octet-stream"})
    assert response.content == bytes(range(256)) * 16


def test_one_instance_may_be_a_document_of_its_own(client: httpx.Client) -> None:
    accept = {"Accept": "application/dicom+xml"}

    alone = client.get(f"{FIRST}/metadata", headers=accept)
    many = client.get(f"/studies/{STUDY}/metadata", headers=accept)

    (document,) = documents(client.get(f"{FIRST}/metadata", headers=PARTS))
    assert alone.headers["content-type"] == "application/dicom+xml"
    assert alone.content == document
    assert many.status_code == 406


def test_large_metadata_is_streamed_whole(client: httpx.Client) -> None:
    response = client.get(f"/studies/{LARGE}/metadata", headers=PARTS)

    assert "content-length" not in response.headers
    models = [read_model(document) for document in documents(response)]
    assert len(models) == 3
    assert all(f"00081032[{ITEMS}]/0040A160" in model for model in models)


@pytest.mark.parametrize("study", [STUDY, LARGE])
def test_it_is_compressed_for_who_accepts_it(client: httpx.Client, study: str) -> None:
    headers = {**PARTS, "Accept-Encoding": "gzip"}
    plain = client.get(
        f"/studies/{study}/metadata", headers={**PARTS, "Accept-Encoding": "identity"}
    )
    with client.stream("GET", f"/studies/{study}/metadata", headers=headers) as response:
        raw = b"".join(response.iter_raw())

    assert response.headers["content-encoding"] == "gzip"
    assert len(raw) < len(plain.content) / 2
    inflated = httpx.Response(
        200,
        headers={"content-type": response.headers["content-type"]},
        content=gzip.decompress(raw),
    )
    assert documents(inflated) == documents(plain)


def test_each_form_has_an_etag_of_its_own(client: httpx.Client) -> None:
    path = f"{FIRST}/metadata"
    as_json, as_xml = client.get(path), client.get(path, headers=PARTS)

    same = {**PARTS, "If-None-Match": as_xml.headers["etag"]}
    other = {**PARTS, "If-None-Match": as_json.headers["etag"]}

    assert as_json.headers["etag"] != as_xml.headers["etag"]
    assert client.get(path, headers=same).status_code == 304
    assert client.get(path, headers=other).status_code == 200
    assert as_xml.headers["vary"].startswith("Accept, Accept-Encoding")


def test_head_tells_what_get_would_send(client: httpx.Client) -> None:
    head = client.head(f"{FIRST}/metadata", headers=PARTS)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith(
        'multipart/related; type="application/dicom+xml"'
    )


def test_the_accept_parameter_counts(client: httpx.Client) -> None:
    response = client.get(f'{FIRST}/metadata?accept=multipart/related;type="application/dicom+xml"')

    assert len(documents(response)) == 1


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
def test_the_strict_surfaces_offer_none(served: ServedDicomWeb, prefix: str) -> None:
    response = httpx.get(f"{served.url}{prefix}/studies/{STUDY}/metadata", headers=PARTS)

    assert response.status_code == 406
