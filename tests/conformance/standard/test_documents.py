"""Rendered forms of what is no image: documents, reports, video (PS3.18 8.7.4), over the server."""

from collections.abc import Iterator

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests import reports
from tests.conformance.multipart import parts
from tests.documents import (
    A_PDF,
    ANNEX_B,
    CDA_CLASS,
    HEVC,
    MP4,
    MPEG2,
    PROGRAM,
    STL_CLASS,
    TRANSPORT,
    encapsulated,
    part10,
    rendered_path,
    video,
)
from tests.served_dicomweb import ServedDicomWeb

CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>\xc3\xa9</title>'
STL = b"solid".ljust(80) + b"\0\0\0\0"
LARGE = A_PDF + bytes(range(256)) * 30_000 + b"\n%%EOF"
BROWSER_IMAGE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

INSTANCES: dict[str, Dataset] = {
    "pdf": encapsulated(A_PDF),
    "odd pdf": encapsulated(A_PDF + b"\n"),
    "long pdf": encapsulated(A_PDF + b"\n", says_length=True),
    "implicit pdf": encapsulated(A_PDF, syntax=ImplicitVRLittleEndian),
    "deflated pdf": encapsulated(A_PDF + b"\n", syntax=DeflatedExplicitVRLittleEndian),
    "large pdf": encapsulated(LARGE),
    "untyped pdf": encapsulated(A_PDF, None),
    "cda": encapsulated(CDA, "text/XML", sop_class=CDA_CLASS),
    "stl": encapsulated(STL, "model/stl", sop_class=STL_CLASS),
    "odd type": encapsulated(b"<b>hi</b>", 'text/html"\r\nX-Evil: 1'),
    "html": encapsulated(b"<script>alert(1)</script>", "text/html"),
    "empty pdf": encapsulated(b""),
    "report": reports.report(
        reports.container("Findings", reports.text_item("<script>alert('x')</script> Größe"))
    ),
    "mp4": video(MP4),
    "fragmented mp4": video(MP4, fragments=7),
    "transport stream": video(TRANSPORT),
    "mpeg2": video(PROGRAM, MPEG2),
    "h264": video(ANNEX_B),
    "hevc": video(ANNEX_B, HEVC),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("documents")) as server:
        server.keep(*map(part10, INSTANCES.values()))
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def path(name: str) -> str:
    return rendered_path(INSTANCES[name])


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("pdf", "application/pdf", A_PDF),
        ("odd pdf", "application/pdf", A_PDF + b"\n"),
        ("long pdf", "application/pdf", A_PDF + b"\n"),
        ("implicit pdf", "application/pdf", A_PDF),
        ("deflated pdf", "application/pdf", A_PDF + b"\n"),
        ("large pdf", "application/pdf", LARGE),
        ("untyped pdf", "application/pdf", A_PDF),
        ("cda", "text/xml", CDA),
        ("stl", "model/stl", STL),
        ("odd type", "application/pdf", b"<b>hi</b>"),
        ("html", "text/html", b"<script>alert(1)</script>"),
        ("empty pdf", "application/pdf", b""),
        ("mp4", "video/mp4", MP4),
        ("fragmented mp4", "video/mp4", MP4),
        ("transport stream", "video/mp2t", TRANSPORT),
        ("mpeg2", "video/mpeg", PROGRAM),
        ("h264", "video/H264", ANNEX_B + b"\0"),
        ("hevc", "video/H265", ANNEX_B + b"\0"),
    ],
)
def test_the_bytes_are_those_of_the_document(
    client: httpx.Client, name: str, media_type: str, content: bytes
) -> None:
    response = client.get(path(name))

    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.content == content
    assert response.headers["content-length"] == str(len(content))


def test_a_report_is_a_page_or_a_text(client: httpx.Client) -> None:
    page = client.get(path("report"))
    text = client.get(path("report"), headers={"Accept": "text/html;q=0.1, text/plain"})

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!DOCTYPE html>")
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; Größe" in page.text
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Findings" in text.text
    assert page.headers["etag"] != text.headers["etag"]


@pytest.mark.parametrize("name", ["report", "html", "cda", "stl"])
def test_what_a_sender_wrote_cannot_act_in_a_browser(client: httpx.Client, name: str) -> None:
    headers = client.get(path(name)).headers

    assert "sandbox" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize(
    ("name", "disposition", "extension"),
    [
        ("pdf", "inline", "pdf"),
        ("report", "inline", "html"),
        ("mp4", "inline", "mp4"),
        ("stl", "attachment", "stl"),
    ],
)
def test_the_file_has_the_name_of_the_instance(
    client: httpx.Client, name: str, disposition: str, extension: str
) -> None:
    uid = INSTANCES[name].SOPInstanceUID

    found = client.get(path(name)).headers["content-disposition"]

    assert found == f'{disposition}; filename="{uid}.{extension}"'


def test_a_type_that_is_none_does_not_reach_the_header(client: httpx.Client) -> None:
    headers = client.get(path("odd type")).headers

    assert "x-evil" not in headers
    assert headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("name", "accept", "media_type"),
    [
        ("pdf", "application/pdf", "application/pdf"),
        ("pdf", BROWSER_IMAGE, "application/pdf"),
        ("pdf", "application/*", "application/pdf"),
        ("report", "text/*", "text/html; charset=utf-8"),
        ("report", "text/plain", "text/plain; charset=utf-8"),
        ("report", "text/html;q=0, text/*", "text/plain; charset=utf-8"),
        ("report", "text/html;q=0, multipart/related", 'multipart/related; type="text/plain"'),
        ("report", "text/xml", "text/xml; charset=utf-8"),
        ("mp4", "video/*", "video/mp4"),
        ("mp4", "video/mpeg, video/mp4;q=0.5", "video/mp4"),
        ("hevc", "video/h265", "video/H265"),
    ],
)
def test_the_best_form_is_chosen(
    client: httpx.Client, name: str, accept: str, media_type: str
) -> None:
    response = client.get(path(name), headers={"Accept": accept})

    assert response.headers["content-type"].startswith(media_type)


def test_the_xml_of_a_report_is_its_data_set(client: httpx.Client) -> None:
    response = client.get(path("report"), headers={"Accept": "text/xml"})
    metadata = client.get(
        path("report").replace("rendered", "metadata"), headers={"Accept": "application/dicom+xml"}
    )

    assert response.text == metadata.text
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["content-disposition"].endswith('.xml"')


@pytest.mark.parametrize(
    ("name", "accept", "offered"),
    [
        ("pdf", "image/jpeg", "application/pdf"),
        ("pdf", "text/html", "application/pdf"),
        ("report", "application/pdf", "text/html, text/plain, text/xml"),
        ("transport stream", "video/mp4", "video/mp2t"),
        ("mp4", "image/gif", "video/mp4"),
    ],
)
def test_what_it_cannot_be_had_as_is_not_acceptable_and_said(
    client: httpx.Client, name: str, accept: str, offered: str
) -> None:
    response = client.get(path(name), headers={"Accept": accept})

    assert response.status_code == 406
    assert offered in response.text


def test_the_parameter_accept_comes_before_the_header(client: httpx.Client) -> None:
    pdf = client.get(path("pdf"), params={"accept": "application/pdf"}, headers={"Accept": "a/b"})
    clip = client.get(path("mp4"), params={"accept": "video/mp4"}, headers={"Accept": "image/png"})
    viewer = client.get(path("pdf"), params={"accept": "image/jhc"})

    assert pdf.content == A_PDF
    assert clip.content == MP4
    assert viewer.content == A_PDF


@pytest.mark.parametrize("name", ["pdf", "mp4", "fragmented mp4", "large pdf", "deflated pdf"])
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-49", 10, 49),
        ("bytes=30-", 30, None),
        ("bytes=-20", -20, None),
    ],
)
def test_any_range_can_be_had(
    client: httpx.Client, name: str, asked: str, first: int, last: int | None
) -> None:
    whole = client.get(path(name))
    wanted = whole.content[first:] if last is None else whole.content[first : last + 1]

    part = client.get(path(name), headers={"Range": asked, "If-Range": whole.headers["etag"]})

    assert whole.headers["accept-ranges"] == "bytes"
    assert part.status_code == 206
    assert part.content == wanted
    size = len(whole.content)
    start = first % size
    stop = start + len(wanted) - 1
    assert part.headers["content-range"] == f"bytes {start}-{stop}/{size}"


def test_every_range_of_fragments_is_the_same_as_of_the_whole(client: httpx.Client) -> None:
    for start in range(0, len(MP4), 997):
        asked = {"Range": f"bytes={start}-{start + 4999}"}
        assert (
            client.get(path("fragmented mp4"), headers=asked).content == MP4[start : start + 5000]
        )


def test_a_range_outside_and_one_of_another_version_are_answered_as_they_should(
    client: httpx.Client,
) -> None:
    outside = client.get(path("mp4"), headers={"Range": "bytes=99999999-"})
    stale = client.get(path("mp4"), headers={"Range": "bytes=0-1", "If-Range": '"other"'})

    assert outside.status_code == 416
    assert outside.headers["content-range"] == f"bytes */{len(MP4)}"
    assert (stale.status_code, stale.content) == (200, MP4)


@pytest.mark.parametrize("name", ["pdf", "report", "mp4"])
def test_who_has_it_already_is_told_so(client: httpx.Client, name: str) -> None:
    etag = client.get(path(name)).headers["etag"]

    again = client.get(path(name), headers={"If-None-Match": etag})

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == etag


@pytest.mark.parametrize("name", ["pdf", "report", "mp4", "large pdf"])
def test_head_tells_the_same_without_a_body(client: httpx.Client, name: str) -> None:
    whole, head = client.get(path(name)), client.head(path(name))

    assert head.status_code == 200
    assert head.content == b""
    for header in ("content-length", "content-type", "etag", "content-disposition"):
        assert head.headers[header] == whole.headers[header]


def test_it_can_be_had_in_parts(client: httpx.Client) -> None:
    asked = {"Accept": 'multipart/related; type="application/pdf"'}

    response = client.get(path("pdf"), headers=asked)

    ((headers, content),) = parts(response)
    assert headers["content-type"] == "application/pdf"
    assert content == A_PDF


@pytest.mark.parametrize("surface", ["/v1", "/v2"])
@pytest.mark.parametrize("name", ["pdf", "report", "mp4"])
def test_the_azure_surfaces_render_no_documents(
    client: httpx.Client, surface: str, name: str
) -> None:
    url = rendered_path(INSTANCES[name], surface)

    response = client.get(url, headers={"Accept": "image/jpeg"})

    assert response.status_code in {404, 406}


@pytest.mark.parametrize(
    ("name", "media_types", "begins"),
    [
        ("pdf", ("application/pdf",), b"%PDF"),
        ("report", ("text/html",), b"<!DOCTYPE html>"),
        ("mp4", ("video/mp4",), MP4[:8]),
    ],
)
def test_dicomweb_client_gets_them(
    server: ServedDicomWeb, name: str, media_types: tuple[str, ...], begins: bytes
) -> None:
    instance = INSTANCES[name]
    reader = DICOMwebClient(f"{server.url}/dicom-web")

    found = reader.retrieve_instance_rendered(
        instance.StudyInstanceUID,
        instance.SeriesInstanceUID,
        instance.SOPInstanceUID,
        media_types=media_types,
    )

    assert found.startswith(begins)


def test_a_replaced_document_is_another_one(server: ServedDicomWeb, client: httpx.Client) -> None:
    first = encapsulated(A_PDF)
    server.keep(part10(first))
    before = client.get(rendered_path(first))

    first.EncapsulatedDocument = b"%PDF-1.4 amended"
    server.keep(part10(first), new_versions=True)
    after = client.get(rendered_path(first), headers={"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert after.content == b"%PDF-1.4 amended"


def test_a_report_that_is_too_long_is_refused_and_says_why(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("bounded")
    with ServedDicomWeb(folder, retrieve={"report_bytes": "1 KiB"}) as server:
        server.keep(part10(INSTANCES["report"]))
        response = httpx.get(server.url + path("report"))

    assert response.status_code == 413
    assert "retrieve.report_bytes" in response.text
