"""What OHIF asks beside lists and frames: bulk data, documents, thumbnails, storing, preflights.

Numbers are those of the notes of the project on viewers (O13 bulk data as one part, ...).
"""

import io
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from hilum.inbound.demo.headers import uid
from hilum.inbound.demo.studies import study
from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ORIGIN = "https://viewer.example"
COLOUR = 7
STUDY, SERIES = uid(COLOUR, "us-colour", "study"), uid(COLOUR, "us-colour", 1, "series")
INSTANCE = uid(COLOUR, "us-colour", 1, 1)
IMAGE = f"/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}"
DOCUMENT = b"%PDF-1.4\n" + bytes(range(256)) * 20
ROOT = "1.2.826.0.1.3680043.10.21"
PAPER = f"/studies/{ROOT}/series/{ROOT}.1/instances/{ROOT}.1.1"


def a_pdf() -> bytes:
    return part10(
        a_dataset(
            SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1",
            StudyInstanceUID=ROOT,
            SeriesInstanceUID=f"{ROOT}.1",
            SOPInstanceUID=f"{ROOT}.1.1",
            Modality="DOC",
            MIMETypeOfEncapsulatedDocument="application/pdf",
            EncapsulatedDocumentLength=len(DOCUMENT),
            EncapsulatedDocument=DOCUMENT + bytes(len(DOCUMENT) % 2),
            Rows=None,
            Columns=None,
            BitsAllocated=None,
            SamplesPerPixel=None,
        )
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    cors = {"allowed_origins": [ORIGIN]}
    with ServedDicomWeb(tmp_path_factory.mktemp("viewer-objects"), cors=cors) as server:
        server.keep(*itertools.islice(study(COLOUR), 1), a_pdf())
        with httpx.Client(base_url=f"{server.url}/dicom-web", timeout=60) as client:
            yield client


def bulk_uri(client: httpx.Client, series: str, tag: str) -> str:
    (row,) = client.get(f"{series}/metadata").json()
    found: dict[str, Any] = row[tag]
    assert "InlineBinary" not in found
    return str(found["BulkDataURI"])


@pytest.mark.parametrize("accept", ["*/*", "application/octet-stream, */*;q=0.1"])
def test_o13_bulk_data_as_one_part(client: httpx.Client, accept: str) -> None:
    uri = bulk_uri(client, f"/studies/{ROOT}/series/{ROOT}.1", "00420011")

    answer = client.get(uri, headers={"Accept": accept, "Origin": ORIGIN})

    assert answer.status_code == 200
    assert "multipart" not in answer.headers["content-type"]
    assert answer.content.startswith(DOCUMENT)
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_o14_bulk_data_in_a_multipart_body(client: httpx.Client) -> None:
    uri = bulk_uri(client, f"/studies/{ROOT}/series/{ROOT}.1", "00420011")

    accept = 'multipart/related; type="application/octet-stream"'
    ((_, body),) = parts(client.get(uri, headers={"Accept": accept}))

    assert body.startswith(DOCUMENT)


def test_o15_a_document_as_a_frame_of_the_page_asks_for_it(client: httpx.Client) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

    answer = client.get(f"{PAPER}/rendered", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.content == DOCUMENT
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin", "a frame has no Origin"
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize("level", [f"/studies/{STUDY}", f"/studies/{STUDY}/series/{SERIES}", IMAGE])
@pytest.mark.parametrize(
    ("query", "accept", "side"),
    [
        ("accept=image/jpeg", "image/avif,image/webp,image/apng,image/*,*/*;q=0.8", None),
        ("accept=image%2Fjpeg", 'multipart/related; type="application/octet-stream"', None),
        ("viewport=256%2C256", "image/jpeg", 256),
    ],
)
def test_o17_o18_thumbnails_at_every_level(
    client: httpx.Client, level: str, query: str, accept: str, side: int | None
) -> None:
    """In this order: an `<img>`, a call for bulk data, and a fetch."""
    answer = client.get(f"{level}/thumbnail?{query}", headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), answer.text
    picture = Image.open(io.BytesIO(answer.content))
    assert side is None or max(picture.size) == side
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin", "an image has none"


def test_o18_a_rendered_instance_for_a_fetch(client: httpx.Client) -> None:
    answer = client.get(
        f"{IMAGE}/frames/1/rendered?viewport=256,256", headers={"Accept": "image/jpeg"}
    )

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert max(Image.open(io.BytesIO(answer.content)).size) == 256


def test_o20_an_object_that_the_viewer_made_is_stored(client: httpx.Client) -> None:
    """dicomweb-client for JavaScript begins with a line break and ends without one."""
    dataset = a_dataset(StudyInstanceUID=f"{ROOT}.9", SeriesInstanceUID=f"{ROOT}.9.1")
    boundary = "6f1e1b0c-8a51-4b53-9c7d-2f6a4e0d7b11"
    body = (
        f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        + part10(dataset)
        + f"\r\n--{boundary}--".encode()
    )
    content_type = f'multipart/related; type="application/dicom"; boundary="{boundary}"'

    answer = client.post("/studies", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 200, answer.text
    (stored,) = answer.json()["00081199"]["Value"]
    assert stored["00081155"]["Value"] == [dataset.SOPInstanceUID]
    metadata = client.get(f"/studies/{ROOT}.9/metadata").json()
    assert [row["00080018"]["Value"][0] for row in metadata] == [dataset.SOPInstanceUID]


def test_o21_rejecting_as_dcm4chee_does_it_is_not_offered(client: httpx.Client) -> None:
    """The viewer tells users of a 404 that the data source cannot do it; nothing is changed."""
    path = f"/studies/{STUDY}/series/{SERIES}/reject/113001%5EDCM"

    assert client.post(path).status_code == 404
    assert len(client.get(f"/studies/{STUDY}/series/{SERIES}/metadata").json()) == 1


def test_o24_a_video_element_may_ask_for_a_range_of_a_document(client: httpx.Client) -> None:
    answer = client.get(f"{PAPER}/rendered", headers={"Accept": "*/*", "Range": "bytes=9-19"})

    assert answer.status_code == 206
    assert answer.content == DOCUMENT[9:20]
    assert answer.headers["content-range"] == f"bytes 9-19/{len(DOCUMENT)}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/studies?limit=101"),
        ("GET", f"/studies/{STUDY}/series/{SERIES}/metadata"),
        ("GET", f"{IMAGE}/frames/1"),
        ("GET", f"{IMAGE}/thumbnail"),
        ("GET", f"{PAPER}/bulkdata/00420011"),
        ("POST", "/studies"),
        ("POST", f"/studies/{STUDY}/series/{SERIES}/reject/113001%5EDCM"),
    ],
)
def test_o27_a_preflight_of_any_of_these(client: httpx.Client, method: str, path: str) -> None:
    answer = client.options(
        path,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "accept,authorization,content-type,range",
        },
    )

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("accept", "authorization", "content-type", "range"))
