"""Frames on the standard surface (PS3.18 section 10.4): what is stored, part by part."""

import os
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from hilum.domain.identifiers import Scope, SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from tests.conformance.multipart import parts
from tests.conformance.standard.frame_instances import (
    BIG_ENDIAN,
    BIT_FRAMES,
    BITS,
    CODESTREAMS,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JP2_SYNTAX,
    JPEG,
    JPEG_LS,
    LARGE,
    LARGE_FRAME,
    LITTLE,
    MANY_FRAGMENTS,
    MULTIPART,
    NO_PIXELS,
    OCTETS,
    ODD_BYTES_BIG_ENDIAN,
    RLE,
    STORED,
    UNKNOWN,
    VIDEO,
    WITH_BOT,
    WITH_EOT,
    WITHOUT_BOT,
    WORDS,
    frames_of,
    padded,
    part_types,
    path,
    served,
    uids,
)
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with served(tmp_path_factory.mktemp("frames")) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=STORED) as client:
        yield client


@pytest.mark.parametrize("number", [EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN])
@pytest.mark.parametrize("accept", [STORED, OCTETS, f"multipart/related; type={OCTETS}", "*/*"])
def test_native_frames_go_out_in_little_endian_order(
    client: httpx.Client, number: int, accept: str
) -> None:
    wanted = f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"
    for frame in range(5):
        response = client.get(path(number, str(frame + 1)), headers={"Accept": accept})

        if accept == OCTETS:
            assert response.headers["content-type"] == wanted
            assert response.content == WORDS[frame].tobytes()
        else:
            assert frames_of(response) == [WORDS[frame].tobytes()]
            assert part_types(response) == {wanted}


@pytest.mark.parametrize("number", [WITH_BOT, WITHOUT_BOT, MANY_FRAGMENTS, WITH_EOT])
def test_encapsulated_frames_are_bare_codestreams(client: httpx.Client, number: int) -> None:
    exact = number == WITH_EOT
    response = client.get(path(number, "1,2,3,4,5"))

    assert part_types(response) == {f"{OCTETS}; transfer-syntax={JPEG2000Lossless}"}
    for body, codestream in zip(frames_of(response), CODESTREAMS, strict=True):
        assert body == (codestream if exact else padded(codestream))


@pytest.mark.parametrize("number", [EXPLICIT, DEFLATED, BIG_ENDIAN, WITH_BOT, MANY_FRAGMENTS])
@pytest.mark.parametrize("order", ["5,1,3", "2,2", "1,2,3,4,5", "5,4,3,2,1", "3%2C4"])
def test_frames_come_in_the_order_they_are_asked_in(
    client: httpx.Client, number: int, order: str
) -> None:
    asked = [int(each) for each in order.replace("%2C", ",").split(",")]
    response = client.get(path(number, order))

    native = number not in {WITH_BOT, MANY_FRAGMENTS}
    stored = [each.tobytes() for each in WORDS] if native else [*map(padded, CODESTREAMS)]
    assert frames_of(response) == [stored[frame - 1] for frame in asked]
    locations = [head["Content-Location"] for head, _ in parts(response)]
    assert [each.rpartition("/")[2] for each in locations] == [str(frame) for frame in asked]


def test_bits_begin_at_the_first_bit_of_a_part(client: httpx.Client) -> None:
    for frame, body in enumerate(frames_of(client.get(path(BIT_FRAMES, "1,2,3")))):
        assert len(body) == 2
        unpacked = np.unpackbits(np.frombuffer(body, np.uint8), bitorder="little")
        assert list(unpacked[:9]) == list(BITS[frame])
        assert not unpacked[9:].any()


def test_bytes_in_big_endian_words_come_back_in_order(client: httpx.Client) -> None:
    assert frames_of(client.get(path(ODD_BYTES_BIG_ENDIAN, "1,2"))) == [
        bytes(range(1, 10)),
        bytes(range(10, 19)),
    ]


@pytest.mark.parametrize(
    ("number", "accept", "media_type", "syntax"),
    [
        (JPEG_LS, "*/*", "image/jls", JPEGLSLossless),
        (JPEG_LS, "multipart/related", "image/jls", JPEGLSLossless),
        (JPEG_LS, f'{MULTIPART}"*/*"', "image/jls", JPEGLSLossless),
        (JPEG_LS, f"{MULTIPART}image/*", "image/jls", JPEGLSLossless),
        (JPEG_LS, f"{MULTIPART}image/jls", "image/jls", JPEGLSLossless),
        (JPEG_LS, f"{MULTIPART}image/x-jls", "image/x-jls", JPEGLSLossless),
        (RLE, f"{MULTIPART}image/dicom-rle", "image/dicom-rle", RLELossless),
        (RLE, f"{MULTIPART}image/dicom+rle", "image/dicom+rle", RLELossless),
        (JPEG, f"{MULTIPART}image/jpeg", "image/jpeg", JPEGBaseline8Bit),
        (WITH_BOT, f"{MULTIPART}image/jp2; {JP2_SYNTAX}", "image/jp2", JPEG2000Lossless),
        (WITH_BOT, f'{MULTIPART}"{OCTETS}"; {JP2_SYNTAX}', OCTETS, JPEG2000Lossless),
        (
            WITH_BOT,
            f"{MULTIPART}image/jls; q=0.9, {MULTIPART}image/jp2; q=0.8",
            "image/jp2",
            JPEG2000Lossless,
        ),
        (EXPLICIT, f"{MULTIPART}{OCTETS}; {LITTLE}", OCTETS, ExplicitVRLittleEndian),
    ],
)
def test_the_media_type_is_one_that_was_asked_for(
    client: httpx.Client, number: int, accept: str, media_type: str, syntax: str
) -> None:
    response = client.get(path(number, "2"), headers={"Accept": accept})

    assert part_types(response) == {f"{media_type}; transfer-syntax={syntax}"}
    assert f'type="{media_type}"' in response.headers["content-type"]


def test_a_missing_accept_header_means_as_stored(client: httpx.Client) -> None:
    request = client.build_request("GET", path(JPEG_LS, "1"))
    del request.headers["accept"]

    assert part_types(client.send(request)) == {f"image/jls; transfer-syntax={JPEGLSLossless}"}


def test_the_accept_parameter_counts_before_the_header(client: httpx.Client) -> None:
    query = f"?accept=image%2Fjp2%3B+transfer-syntax%3D{JPEG2000Lossless}".replace("+", "%20")
    response = client.get(path(WITH_BOT, "1") + query)

    assert response.headers["content-type"] == f"image/jp2; transfer-syntax={JPEG2000Lossless}"
    assert response.content == padded(CODESTREAMS[0])


@pytest.mark.parametrize(
    "accept",
    [
        "application/dicom",
        "text/html",
        "multipart/related; type=application/dicom",
        f"multipart/related; type={OCTETS}; transfer-syntax=1.2.3",
        f"multipart/related; type={OCTETS}; transfer-syntax={ImplicitVRLittleEndian}",
        f"multipart/related; type={OCTETS}; transfer-syntax={ExplicitVRBigEndian}",
        f"multipart/related; type=image/jp2; transfer-syntax={JPEGLSLossless}",
        "multipart/related; type=video/mp4",
        f"{OCTETS}; q=0",
        "nonsense",
    ],
)
@pytest.mark.parametrize("number", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_what_cannot_be_given_is_not_acceptable(
    client: httpx.Client, number: int, accept: str
) -> None:
    assert client.get(path(number), headers={"Accept": accept}).status_code == 406


def test_several_frames_are_not_given_as_a_single_part(client: httpx.Client) -> None:
    response = client.get(path(EXPLICIT, "1,2"), headers={"Accept": OCTETS})
    both = client.get(path(EXPLICIT, "1,2"), headers={"Accept": f"{OCTETS}, {STORED};q=0.1"})

    assert response.status_code == 406
    assert len(frames_of(both)) == 2


@pytest.mark.parametrize(
    "frames", ["0", "-1", "a", "1,", ",", "1,,2", "1.5", "1,0", "+1", "%C2%B2"]
)
def test_a_list_that_makes_no_sense_is_a_bad_request(client: httpx.Client, frames: str) -> None:
    assert client.get(path(EXPLICIT, frames)).status_code == 400


@pytest.mark.parametrize("frames", ["6", "1,6", "6,1", "4294967297", "999999999999999999"])
@pytest.mark.parametrize("number", [EXPLICIT, WITH_BOT, DEFLATED])
def test_a_frame_beyond_the_last_is_not_found(
    client: httpx.Client, number: int, frames: str
) -> None:
    assert client.get(path(number, frames)).status_code == 404


def test_more_frames_than_the_limit_are_refused(client: httpx.Client) -> None:
    response = client.get(path(EXPLICIT, ",".join(["1"] * 51)))

    assert response.status_code == 413
    assert "retrieve.frames_per_request" in response.text


def test_an_instance_without_pixel_data_has_no_frames(client: httpx.Client) -> None:
    response = client.get(path(NO_PIXELS))

    assert response.status_code == 404
    assert "no pixel data" in response.text


def test_what_is_not_held_is_not_found(client: httpx.Client) -> None:
    assert client.get(path(999)).status_code == 404
    assert client.get("/dicom-web/studies/x/series/1/instances/1/frames/1").status_code == 400


@pytest.mark.parametrize("number", [UNKNOWN, VIDEO])
def test_frames_that_cannot_be_told_apart_are_said_to_be_so(
    client: httpx.Client, number: int
) -> None:
    response = client.get(path(number))

    assert response.status_code == 422
    assert "fewer fragments than frames, as in video" in response.text


def test_large_frames_stream_and_are_whole(client: httpx.Client) -> None:
    first, second = frames_of(client.get(path(LARGE, "1,2")))

    assert first == np.arange(LARGE_FRAME // 4, dtype="<u4").tobytes()
    assert second == first[::-1]


def test_a_new_version_has_new_frames_and_a_new_tag(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    def version(samples: bytes) -> bytes:
        return part10(a_dataset(**uids(31), Rows=2, Columns=2, BitsStored=8, PixelData=samples))

    server.keep(version(b"abcd"))
    before = client.get(path(31))
    server.keep(version(b"efgh"), new_versions=True)
    after = client.get(path(31), headers={"If-None-Match": before.headers["etag"]})

    assert frames_of(before) == [b"abcd"]
    assert frames_of(after) == [b"efgh"]


def test_what_was_deleted_has_no_frames(server: ServedDicomWeb, client: httpx.Client) -> None:
    server.keep(part10(a_dataset(**uids(32), PixelData=b"ab")))
    assert client.get(path(32)).status_code == 200

    uid = uids(32)
    server.delete(
        Scope(
            StudyInstanceUID(uid["StudyInstanceUID"]),
            SeriesInstanceUID(uid["SeriesInstanceUID"]),
            SOPInstanceUID(uid["SOPInstanceUID"]),
        )
    )

    assert client.get(path(32)).status_code == 404


def test_a_lost_object_is_an_error_and_no_empty_answer(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    server.keep(part10(a_dataset(**uids(33), PixelData=b"ab")))
    (lost,) = [
        file
        for file in server.archive.folder.rglob("*.dcm")
        if file.parent.name == uids(33)["SeriesInstanceUID"]
    ]
    os.truncate(lost, lost.stat().st_size - 2)
    assert client.get(path(33)).status_code == 500
    lost.unlink()

    assert client.get(path(33)).status_code == 500


def test_unknown_parameters_do_no_harm(client: httpx.Client) -> None:
    for query in ("?accept=image/jhc", "?token=1&_=2", "?accept=", "?frame=7&accept=%00"):
        assert frames_of(client.get(path(EXPLICIT, "1") + query)) == [WORDS[0].tobytes()]


def test_dicomweb_client_retrieves_and_iterates_frames(server: ServedDicomWeb) -> None:
    client = DICOMwebClient(f"{server.url}/dicom-web")
    names = (uids(EXPLICIT), uids(JPEG_LS))
    native, encoded = [tuple(name.values()) for name in names]

    assert client.retrieve_instance_frames(*native, frame_numbers=[2, 4]) == [
        WORDS[1].tobytes(),
        WORDS[3].tobytes(),
    ]
    assert list(client.iter_instance_frames(*native, frame_numbers=[1, 2, 3, 4, 5])) == [
        each.tobytes() for each in WORDS
    ]
    for media_types in (None, ("image/jls",), (("image/jls", JPEGLSLossless),), ("image/*",)):
        assert client.retrieve_instance_frames(
            *encoded, frame_numbers=[3, 1], media_types=media_types
        ) == [padded(CODESTREAMS[2]), padded(CODESTREAMS[0])]
