"""What a real browser asked, asked again: see tools/viewer_session.py, which wrote it down.

The demo's studies are the same every time, so that the recorded paths lead to them.
"""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from PIL import Image

from hilum.inbound.demo.headers import uid
from hilum.inbound.demo.studies import study
from tests.conformance.multipart import parts
from tests.served_dicomweb import ServedDicomWeb

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("viewer-session")]
SESSION = json.loads((Path(__file__).parents[2] / "data" / "viewer_session.json").read_text())
REQUESTS: list[dict[str, Any]] = SESSION["requests"]
NUMBERS = (5, 6, 7)
_FRAME = re.compile(r".*/instances/([0-9.]+)/frames/(\d+)")
_INSTANCE = re.compile(r".*/instances/([0-9.]+)(/|$)")


def wanted() -> set[str]:
    """Instances that the session names, and the few that are not thin cuts."""
    named = {found[1] for each in REQUESTS if (found := _INSTANCE.match(each["path"]))}
    return named | {uid(5, "ct-thin", series, 1) for series in (2, 3, 4)}


@pytest.fixture(scope="module")
def instances() -> dict[str, bytes]:
    """By UID; of 300 thin cuts those that the session looks at."""
    chosen, found = wanted(), {}
    for number in NUMBERS:
        for data in study(number):
            head = data[: data.index(b"\x02\x00\x10\x00UI")]
            sop_instance = re.search(rb"\x02\x00\x03\x00UI..([0-9.]+)", head, re.DOTALL)
            assert sop_instance is not None
            name = sop_instance[1].decode()
            if number != 5 or name in chosen:
                found[name] = data
    return found


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, instances: dict[str, bytes]
) -> Iterator[httpx.Client]:
    # As in the session: the document is told of by reference, small though it is.
    by_reference = {"inline_bytes": 256}
    with ServedDicomWeb(tmp_path_factory.mktemp("session"), dicom=by_reference) as server:
        server.keep_at_once(*instances.values())
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield client


def ask(client: httpx.Client, request: dict[str, Any]) -> httpx.Response:
    headers = {**request["headers"], "accept-encoding": "gzip"}
    url = request["path"] + (f"?{request['query']}" if request["query"] else "")
    return client.request(request["method"], url, headers=headers)


def name_of(request: dict[str, Any]) -> str:
    path = re.sub(r"/[0-9.]+(?=/|$)", "", request["path"].removeprefix("/dicom-web"))
    return path.strip("/").replace("/", "-") or "root"


def some(ending: str) -> list[dict[str, Any]]:
    found = [request for request in REQUESTS if name_of(request).endswith(ending)]
    assert found, f"the session holds no request for {ending}"
    return found


@pytest.mark.parametrize("request_", REQUESTS, ids=name_of)
def test_every_request_of_the_session_is_answered_in_the_form_it_asks_for(
    client: httpx.Client, request_: dict[str, Any]
) -> None:
    answer = ask(client, request_)

    assert answer.status_code == 200, answer.text
    accept = request_["headers"].get("accept", "*/*")
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in accept or "*/*" in accept


@pytest.mark.parametrize("request_", some("frames"), ids=name_of)
def test_a_frame_is_one_part_with_the_stored_bytes_and_its_syntax(
    client: httpx.Client, instances: dict[str, bytes], request_: dict[str, Any]
) -> None:
    found = _FRAME.fullmatch(request_["path"])
    assert found is not None
    dataset = pydicom.dcmread(io.BytesIO(instances[found[1]]))
    size = len(dataset.PixelData) // int(dataset.get("NumberOfFrames", 1))
    start = (int(found[2]) - 1) * size

    ((head, body),) = parts(ask(client, request_))

    assert body == dataset.PixelData[start : start + size]
    assert head["Content-Type"] == ("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1")


@pytest.mark.parametrize("request_", some("metadata"), ids=name_of)
def test_metadata_tell_of_every_instance_of_the_series(
    client: httpx.Client, instances: dict[str, bytes], request_: dict[str, Any]
) -> None:
    answer = ask(client, request_).json()

    told = {row["00080018"]["Value"][0] for row in answer}
    assert told
    assert told <= set(instances)
    assert all("PixelData" not in row for row in answer)


@pytest.mark.parametrize("request_", some("thumbnail"), ids=name_of)
def test_a_thumbnail_is_a_jpeg_of_the_size_asked_for(
    client: httpx.Client, request_: dict[str, Any]
) -> None:
    picture = Image.open(io.BytesIO(ask(client, request_).content))

    assert picture.format == "JPEG"
    assert max(picture.size) == 256


@pytest.mark.parametrize("request_", some("studies"), ids=name_of)
def test_the_study_list_has_what_the_viewer_shows(
    client: httpx.Client, request_: dict[str, Any]
) -> None:
    rows = ask(client, request_).json()

    assert rows
    for row in rows:
        for tag in ("0020000D", "00100010", "00100020", "00080020", "00080061", "00201208"):
            assert row[tag]["Value"], tag


@pytest.mark.parametrize("request_", some("rendered"), ids=name_of)
def test_a_document_is_shown_in_a_frame_of_a_page_that_isolates_itself(
    client: httpx.Client, instances: dict[str, bytes], request_: dict[str, Any]
) -> None:
    answer = ask(client, request_)

    name = request_["path"].split("/")[-2]
    dataset = pydicom.dcmread(io.BytesIO(instances[name]))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert "sandbox" not in answer.headers.get("content-security-policy", "")


def test_a_segmentation_comes_whole_as_it_is_stored(
    client: httpx.Client, instances: dict[str, bytes]
) -> None:
    (request,) = [each for each in REQUESTS if name_of(each) == "studies-series-instances"]

    ((_, body),) = parts(ask(client, request))

    assert body == instances[request["path"].rpartition("/")[2]]
