"""Retrieving bulk data (PS3.18 8.3.3.1, 10.4.1.1.5, 10.4.3.3.5, F.2.6; RFC 9110 13 and 14)."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from tests.conformance.multipart import parts
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb
from tests.unit.dicom.bulk_oracle import told_bulk

ROOT = "1.2.826.0.1.3680043.10.21"
OCTETS = "application/octet-stream"
PARTS = f'multipart/related; type="{OCTETS}"'
PIXELS = bytes(range(256)) * 12
LUT = b"".join(number.to_bytes(2, "little") for number in range(1000))
PDF = b"%PDF-1.4 " + bytes(range(256)) * 8


def _uids(number: int) -> dict[str, str]:
    study = f"{ROOT}.{number}"
    return {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.1",
    }


def _path(number: int, rest: str = "") -> str:
    study, series, instance = _uids(number).values()
    return f"/dicom-web/studies/{study}/series/{series}/instances/{instance}{rest}"


def _image(number: int, **elements: Any) -> Dataset:
    item = Dataset()
    item.LUTData = LUT
    item["LUTData"].VR = "OW"
    dataset = a_dataset(
        **_uids(number),
        Rows=32,
        Columns=48,
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        PhotometricInterpretation="MONOCHROME2",
        PixelData=PIXELS,
        ModalityLUTSequence=[item, Dataset()],
        ICCProfile=b"small",
        **elements,
    )
    block = dataset.private_block(0x0029, "HILUM", create=True)
    block.add_new(0x10, "UN", b"p" * 1030)
    return dataset


def _big_endian(dataset: Dataset) -> Dataset:
    turned = [dataset.ModalityLUTSequence[0]["LUTData"], dataset["PixelData"]]
    for element in turned:
        value = element.value
        element.value = b"".join(value[at : at + 2][::-1] for at in range(0, len(value), 2))
    return dataset


def _encapsulated(name: str, number: int) -> bytes:
    dataset = pydicom.dcmread(get_testdata_file(name))
    for keyword, uid in _uids(number).items():
        setattr(dataset, keyword, uid)
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    return file.getvalue()


def _icon() -> Dataset:
    icon = Dataset()
    icon.add_new(0x7FE00010, "OB", pydicom.encaps.encapsulate([b"\xff\xd8icon\xff\xd9"]))
    icon["PixelData"].is_undefined_length = True
    return icon


def _with_icon(number: int) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(_encapsulated("JPEG-LL.dcm", number)))
    dataset.IconImageSequence = [_icon()]
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    return file.getvalue()


def _video(number: int) -> bytes:
    """Five pictures in one stream of two fragments."""
    dataset = _image(number, NumberOfFrames=5)
    dataset.PixelData = pydicom.encaps.encapsulate([STREAM[:3000], STREAM[3000:]], has_bot=False)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, VIDEO_SYNTAX)


IMPLICIT, EXPLICIT, BIG, DEFLATED, JPEG, RLE, DOCUMENT, ICON, PLAIN, VIDEO, LARGE = range(1, 12)
LARGE_VALUE = bytes(range(256)) * 20_000
STREAM = b"\0\0\0\x18ftypisom" + bytes(range(250)) * 20
VIDEO_SYNTAX = "1.2.840.10008.1.2.4.102"
JPEG_SYNTAX = "1.2.840.10008.1.2.4.70"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("bulk"), http=_HTTP) as server:
        document = a_dataset(
            **_uids(DOCUMENT),
            SOPClassUID=EncapsulatedPDFStorage,
            MIMETypeOfEncapsulatedDocument="application/pdf",
            EncapsulatedDocument=PDF,
        )
        server.keep(
            part10(_image(IMPLICIT), ImplicitVRLittleEndian),
            part10(_image(EXPLICIT), ExplicitVRLittleEndian),
            part10(_big_endian(_image(BIG)), ExplicitVRBigEndian),
            part10(_image(DEFLATED), DeflatedExplicitVRLittleEndian),
            _encapsulated("JPEG-LL.dcm", JPEG),
            _encapsulated("SC_rgb_rle_2frame.dcm", RLE),
            part10(document),
            _with_icon(ICON),
            part10(a_dataset(**_uids(PLAIN))),
            _video(VIDEO),
            part10(
                a_dataset(**_uids(LARGE), BitsAllocated=16, PixelData=LARGE_VALUE),
                ExplicitVRBigEndian,
            ),
        )
        yield server


_HTTP = {"port": 0, "trusted_proxies": ["127.0.0.1"]}


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(OCTETS) as client:
        yield client


def _metadata(client: httpx.Client, number: int, **headers: str) -> dict[str, Any]:
    headers = {"Accept": "application/dicom+json", **headers}
    (found,) = client.get(_path(number, "/metadata"), headers=headers).raise_for_status().json()
    return dict(found)


def _get(client: httpx.Client, path: str, accept: str = OCTETS, **headers: str) -> httpx.Response:
    return client.get(path, headers={"Accept": accept, **headers})


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_values_are_given_back_in_little_endian_order(client: httpx.Client, number: int) -> None:
    told = {
        path: attribute["BulkDataURI"]
        for path, attribute in told_bulk(_metadata(client, number))
        if "BulkDataURI" in attribute
    }

    values = {path: _get(client, uri).raise_for_status().content for path, uri in told.items()}

    assert values == {
        "00283000/0/00283006": LUT,
        "00291010": b"p" * 1030,
        "7FE00010": PIXELS,
    }


@pytest.mark.parametrize("number", [EXPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=1001-2000", 1001, 2001), ("bytes=-3", 3069, 3072)],
)
def test_ranges_are_parts_of_the_value(
    client: httpx.Client, number: int, asked: str, start: int, stop: int
) -> None:
    answer = _get(client, _path(number, "/bulkdata/7FE00010"), Range=asked)

    assert answer.status_code == 206
    assert answer.content == PIXELS[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/3072"


def test_ranges_of_a_multipart_body_fit_together(client: httpx.Client) -> None:
    path = _path(BIG, "/bulkdata/7FE00010")
    whole = _get(client, path, PARTS).content

    pieces = [
        _get(client, path, PARTS, Range=f"bytes={at}-{at + 999}").content
        for at in range(0, len(whole), 1000)
    ]

    assert b"".join(pieces) == whole


def test_a_range_behind_the_end_is_416_and_a_stale_if_range_gets_all(client: httpx.Client) -> None:
    path = _path(EXPLICIT, "/bulkdata/7FE00010")

    behind = _get(client, path, Range="bytes=3072-")
    stale = _get(client, path, Range="bytes=0-9", **{"If-Range": '"other"'})
    fresh = _get(client, path, Range="bytes=0-9", **{"If-Range": stale.headers["etag"]})

    assert (behind.status_code, behind.headers["content-range"]) == (416, "bytes */3072")
    assert (stale.status_code, stale.content) == (200, PIXELS)
    assert (fresh.status_code, fresh.content) == (206, PIXELS[:10])


def test_an_etag_saves_the_second_answer_and_is_another_for_another_form(
    client: httpx.Client,
) -> None:
    path = _path(EXPLICIT, "/bulkdata/7FE00010")
    alone, in_parts = _get(client, path), _get(client, path, PARTS)

    again = _get(client, path, **{"If-None-Match": alone.headers["etag"]})
    other = _get(client, path, **{"If-None-Match": in_parts.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == alone.headers["etag"]
    assert other.status_code == 200


def test_head_tells_what_get_would(client: httpx.Client) -> None:
    path = _path(DEFLATED, "/bulkdata/7FE00010")

    head, got = client.head(path), client.get(path)

    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "vary"):
        assert head.headers[name] == got.headers[name]


def test_values_that_stand_in_the_metadata_are_resources_too(client: httpx.Client) -> None:
    answer = _get(client, _path(EXPLICIT, "/bulkdata/00282000"))

    assert (answer.status_code, answer.content) == (200, b"small\0")
    assert answer.headers["content-type"] == OCTETS


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", OCTETS, "application/*", f"text/plain, {OCTETS};q=0.1"])
def test_one_value_is_a_body_by_itself(client: httpx.Client, accept: str) -> None:
    answer = _get(client, _path(IMPLICIT, "/bulkdata/7FE00010"), accept)

    assert answer.content == PIXELS
    assert answer.headers["content-type"] == f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    "accept",
    [
        PARTS,
        f"multipart/related; type={OCTETS}; transfer-syntax=*",
        f'{PARTS}; transfer-syntax="1.2.840.10008.1.2.1"',
        "multipart/related",
        'multipart/related; type="*/*"',
        f'multipart/related; type="image/jpeg", {PARTS}',
    ],
)
def test_one_value_is_a_part_for_who_takes_parts(client: httpx.Client, accept: str) -> None:
    path = _path(EXPLICIT, "/bulkdata/7FE00010")

    answer = _get(client, path, accept)

    ((head, body),) = parts(answer)
    assert body == PIXELS
    assert head["Content-Location"] == str(client.base_url.join(path))
    assert head["Content-Type"] == f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1"
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_the_accept_parameter_goes_before_the_header(client: httpx.Client) -> None:
    path = _path(EXPLICIT, "/bulkdata/00291010")

    asked = _get(client, f"{path}?accept=multipart/related", OCTETS)
    foreign = _get(client, f"{path}?accept=image/jhc", OCTETS)

    assert asked.headers["content-type"].startswith("multipart/related;")
    assert foreign.content == b"p" * 1030


@pytest.mark.parametrize(
    "accept",
    [
        "image/jpeg",
        "multipart/related; type=image/jpeg",
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.5",
        f"{OCTETS};q=0",
        "nonsense",
    ],
)
def test_what_it_cannot_be_had_as_is_406_and_says_what_there_is(
    client: httpx.Client, accept: str
) -> None:
    answer = _get(client, _path(EXPLICIT, "/bulkdata/7FE00010"), accept)

    assert answer.status_code == 406
    assert f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.1" in answer.text


def test_a_document_comes_as_what_it_is_for_who_takes_that(client: httpx.Client) -> None:
    path = _path(DOCUMENT, "/bulkdata/00420011")

    octets, pdf = _get(client, path, "*/*"), _get(client, path, "application/pdf")
    in_parts = _get(client, path, 'multipart/related; type="application/pdf"')

    assert octets.content == pdf.content == parts(in_parts)[0][1] == PDF + b"\0" * (len(PDF) % 2)
    assert octets.headers["content-type"] == OCTETS
    assert pdf.headers["content-type"] == "application/pdf"
    assert parts(in_parts)[0][0]["Content-Type"] == "application/pdf"
    assert _get(client, path, "text/html").status_code == 406


# --- encapsulated pixel data ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "name"), [(JPEG, "JPEG-LL.dcm"), (RLE, "SC_rgb_rle_2frame.dcm")]
)
@pytest.mark.parametrize("accept", [OCTETS, PARTS])
def test_octets_of_encapsulated_pixel_data_are_native(
    client: httpx.Client, number: int, name: str, accept: str
) -> None:
    native = pydicom.dcmread(get_testdata_file(name)).pixel_array.tobytes()

    answer = _get(client, _path(number, "/bulkdata/7FE00010"), accept)

    body = answer.content if accept == OCTETS else parts(answer)[0][1]
    assert body == native
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_single_frame_left_open_comes_as_it_is_stored(client: httpx.Client) -> None:
    stored = pydicom.dcmread(get_testdata_file("JPEG-LL.dcm")).PixelData
    (codestream,) = pydicom.encaps.generate_frames(stored, number_of_frames=1)

    for accept in ("*/*", "image/jpeg", f"{OCTETS}; transfer-syntax=*"):
        answer = _get(client, _path(JPEG, "/bulkdata/7FE00010"), accept)

        kind = OCTETS if accept.startswith(OCTETS) else "image/jpeg"
        assert answer.content == codestream
        assert answer.headers["content-type"] == f"{kind}; transfer-syntax={JPEG_SYNTAX}"


@pytest.mark.parametrize("accept", ["*/*", "multipart/related; type=image/dicom-rle"])
def test_several_frames_as_stored_are_parts(client: httpx.Client, accept: str) -> None:
    stored = pydicom.dcmread(get_testdata_file("SC_rgb_rle_2frame.dcm")).PixelData

    answer = _get(client, _path(RLE, "/bulkdata/7FE00010"), accept)

    frames = list(pydicom.encaps.generate_frames(stored, number_of_frames=2))
    assert [body for _, body in parts(answer)] == frames
    assert _get(client, _path(RLE, "/bulkdata/7FE00010"), "image/dicom-rle").status_code == 406


def test_more_frames_than_are_given_at_once_are_413_but_part_of_everything(tmp_path: Path) -> None:
    retrieve = {"frames_per_request": 1}
    with ServedDicomWeb(tmp_path, retrieve=retrieve) as server, server.client() as client:
        server.keep(_encapsulated("SC_rgb_rle_2frame.dcm", RLE))

        refused = _get(client, _path(RLE, "/bulkdata/7FE00010"), "*/*")
        everything = _get(client, _path(RLE, "/bulkdata"), "*/*")

    assert refused.status_code == 413
    assert "retrieve.frames_per_request" in refused.text
    assert len(parts(everything)) == 2


def test_fragments_inside_a_sequence_come_joined(client: httpx.Client) -> None:
    uri = _metadata(client, ICON)["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]

    answer = _get(client, uri, "*/*")

    assert answer.content.rstrip(b"\0") == b"\xff\xd8icon\xff\xd9"
    assert answer.headers["content-type"] == f"image/jpeg; transfer-syntax={JPEG_SYNTAX}"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("*/*", "video/mp4"), ("video/mp4", "video/mp4"), (OCTETS, OCTETS)],
)
def test_a_video_is_its_fragments_joined_any_part_of_it(
    client: httpx.Client, accept: str, kind: str
) -> None:
    path = _path(VIDEO, "/bulkdata/7FE00010")

    whole, piece = (
        _get(client, path, accept, **each) for each in ({}, {"Range": "bytes=2990-3009"})
    )

    assert whole.content == STREAM + b"\0" * (len(STREAM) % 2)
    assert whole.headers["content-type"] == f"{kind}; transfer-syntax={VIDEO_SYNTAX}"
    assert (piece.status_code, piece.content) == (206, STREAM[2990:3010])


def test_a_large_value_streams_and_an_odd_range_of_it_is_turned_rightly(
    client: httpx.Client,
) -> None:
    path = _path(LARGE, "/bulkdata/7FE00010")
    turned = b"".join(LARGE_VALUE[at : at + 2][::-1] for at in range(0, len(LARGE_VALUE), 2))

    whole, piece = (_get(client, path, **each) for each in ({}, {"Range": "bytes=1000001-1000007"}))

    assert whole.content == turned
    assert piece.content == turned[1_000_001:1_000_008]


# --- all of an instance, series, study ------------------------------------------------------------


@pytest.mark.parametrize("level", ["instances", "series", "studies"])
def test_all_bulk_data_of_a_resource_are_parts(client: httpx.Client, level: str) -> None:
    path = _path(EXPLICIT)
    path = {"instances": path, "series": path.rpartition("/instances/")[0]}.get(
        level, path.partition("/series/")[0]
    )

    answer = _get(client, f"{path}/bulkdata", PARTS)

    told = [
        attribute["BulkDataURI"]
        for _, attribute in told_bulk(_metadata(client, EXPLICIT))
        if "BulkDataURI" in attribute
    ]
    assert [body for _, body in parts(answer)] == [LUT, b"p" * 1030, PIXELS]
    assert [head["Content-Location"] for head, _ in parts(answer)] == told


@pytest.mark.parametrize("below", ["", "/instances/", "/series/"])
def test_a_resource_that_is_asked_for_as_octets_is_its_bulk_data(
    client: httpx.Client, below: str
) -> None:
    path = _path(EXPLICIT).partition(below)[0] if below else _path(EXPLICIT)

    answer = _get(client, path, f"{PARTS}, */*;q=0.1")

    wanted = _get(client, f"{path}/bulkdata", PARTS)
    assert [body for _, body in parts(answer)] == [body for _, body in parts(wanted)]


def test_encapsulated_pixel_data_among_all_is_as_stored_frame_by_frame(
    client: httpx.Client,
) -> None:
    octets = _get(client, _path(RLE, "/bulkdata"), PARTS)
    anything = _get(client, _path(RLE, "/bulkdata"), "*/*")

    assert [head["Content-Type"] for head, _ in parts(octets)] == [
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.5"
    ] * 2
    assert {head.get_content_type() for head, _ in parts(anything)} == {"image/dicom-rle"}
    assert [body for _, body in parts(octets)] == [body for _, body in parts(anything)]


def test_all_bulk_data_is_parts_only_and_there_has_to_be_some(client: httpx.Client) -> None:
    assert _get(client, _path(EXPLICIT, "/bulkdata"), OCTETS).status_code == 406
    assert _get(client, _path(PLAIN, "/bulkdata"), PARTS).status_code == 404
    assert _get(client, f"/dicom-web/studies/{ROOT}.99/bulkdata", PARTS).status_code == 404
    assert client.head(_path(EXPLICIT, "/bulkdata"), headers={"Accept": PARTS}).content == b""


# --- wrong addresses ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["7FE0", "PixelData", "00283000/00283006", "00283000/a/00283006"])
def test_what_is_no_path_is_400_and_says_what_one_is(client: httpx.Client, path: str) -> None:
    answer = _get(client, _path(EXPLICIT, f"/bulkdata/{path}"))

    assert answer.status_code == 400
    assert "54000100/0/54001010" in answer.text


@pytest.mark.parametrize(
    "path", ["00091001", "00283000/1/00283006", "00283000/7/00283006", "00100010", "00283000"]
)
def test_what_is_not_there_is_404(client: httpx.Client, path: str) -> None:
    assert _get(client, _path(EXPLICIT, f"/bulkdata/{path}")).status_code == 404
    assert _get(client, _path(99, f"/bulkdata/{path}")).status_code == 404


def test_the_azure_surfaces_know_no_bulk_data(client: httpx.Client) -> None:
    for prefix in ("/v1", "/v2"):
        path = _path(EXPLICIT).replace("/dicom-web", prefix)
        metadata = _get(client, f"{path}/metadata", "application/dicom+json").json()

        assert _get(client, f"{path}/bulkdata/7FE00010").status_code == 404
        assert list(told_bulk(metadata[0])) == []


# --- metadata -------------------------------------------------------------------------------------


def test_compressed_and_plain_metadata_agree(client: httpx.Client) -> None:
    study = f"{_path(EXPLICIT).partition('/series/')[0]}/metadata"
    headers = {"Accept": "application/dicom+json"}

    packed = client.get(study, headers=headers | {"Accept-Encoding": "gzip"})
    plain = client.get(study, headers=headers | {"Accept-Encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content


def test_addresses_are_those_of_the_proxy_and_so_is_the_etag(client: httpx.Client) -> None:
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "pacs.example.org",
        "X-Forwarded-Prefix": "/images",
    }

    path = _path(EXPLICIT, "/metadata")
    told = _metadata(client, EXPLICIT, **forwarded)["7FE00010"]["BulkDataURI"]
    here, there = (_get(client, path, "*/*", **each) for each in ({}, forwarded))

    assert told == f"https://pacs.example.org/images{_path(EXPLICIT, '/bulkdata/7FE00010')}"
    assert here.headers["etag"] != there.headers["etag"]


def test_addresses_may_be_paths(tmp_path: Path) -> None:
    retrieve = {"bulk_uris": "path"}
    dicom = {"inline_bytes": 0}
    with (
        ServedDicomWeb(tmp_path, http=_HTTP, retrieve=retrieve, dicom=dicom) as server,
        server.client() as client,
    ):
        server.keep(part10(_image(EXPLICIT)))

        told = _metadata(client, EXPLICIT, **{"X-Forwarded-Prefix": "/images"})

    assert told["00282000"]["BulkDataURI"] == f"/images{_path(EXPLICIT, '/bulkdata/00282000')}"
