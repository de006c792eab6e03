"""Frames on the standard surface (PS3.18 section 10.4): what is stored, part by part."""

import itertools
import os
import re
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
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
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.9"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related; type="
LITTLE = f"transfer-syntax={ExplicitVRLittleEndian}"
JP2_SYNTAX = f"transfer-syntax={JPEG2000Lossless}"
STORED = f'multipart/related; type="{OCTETS}"; transfer-syntax=*'
WORDS = np.arange(5 * 3 * 4, dtype="<u2").reshape(5, 3, 4)
CODESTREAMS = [bytes([0xFF, 0x4F, n]) * (7 + n) for n in range(5)]


def uids(number: int) -> dict[str, str]:
    return {
        "StudyInstanceUID": f"{ROOT}.{number}",
        "SeriesInstanceUID": f"{ROOT}.{number}.1",
        "SOPInstanceUID": f"{ROOT}.{number}.1.1",
    }


def path(number: int, frames: str = "1", surface: str = "/dicom-web") -> str:
    uid = f"{ROOT}.{number}"
    return f"{surface}/studies/{uid}/series/{uid}.1/instances/{uid}.1.1/frames/{frames}"


def words_in(syntax: str, number: int) -> bytes:
    samples = WORDS.astype(">u2") if syntax == ExplicitVRBigEndian else WORDS
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=4, NumberOfFrames=5, BitsAllocated=16, BitsStored=16,
        HighBit=15, PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=samples.tobytes(),
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    return part10(dataset, syntax)


def encapsulated(syntax: str, number: int, pixels: bytes, frames: int = 5, **more: Any) -> bytes:
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=4, NumberOfFrames=frames, BitsStored=8, HighBit=7,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2", PixelData=pixels, **more,
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


def fragmented(per_frame: int) -> bytes:
    """Several fragments a frame, told apart by the Basic Offset Table."""
    return encapsulate(CODESTREAMS, fragments_per_frame=per_frame, has_bot=True)


def bits(number: int) -> bytes:
    """Three frames of 3 x 3 bits: none but the first begins on a byte."""
    packed = np.packbits(BITS.ravel(), bitorder="little").tobytes()
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=3, NumberOfFrames=3, BitsAllocated=1, BitsStored=1,
        HighBit=0, PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2",
        PixelData=packed + bytes(len(packed) % 2),
    )  # fmt: skip
    dataset["PixelData"].VR = "OB"
    return part10(dataset)


BITS = np.array([[1, 1, 0, 1, 0, 0, 1, 0, 1], [0, 1, 1, 1, 0, 1, 0, 0, 1], [1] * 9], np.uint8)
EXTENDED, EOT_OFFSETS, _ = encapsulate_extended(CODESTREAMS)
EOT_LENGTHS = struct.pack("<5Q", *map(len, CODESTREAMS))
NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN, NO_PIXELS, BIT_FRAMES, UNKNOWN = range(1, 8)
WITH_BOT, WITHOUT_BOT, MANY_FRAGMENTS, WITH_EOT, JPEG_LS, VIDEO, RLE, JPEG = range(10, 18)
LARGE, ODD_BYTES_BIG_ENDIAN = 20, 21
LARGE_FRAME = 6 << 20


def odd_big_endian(number: int) -> bytes:
    """Frames of 9 bytes in words of 16 bits, whose bytes are swapped (PS3.5 A.3)."""
    data = bytes(range(1, 19))
    swapped = b"".join(data[n + 1 : n + 2] + data[n : n + 1] for n in range(0, 18, 2))
    dataset = a_dataset(
        **uids(number), Rows=3, Columns=3, NumberOfFrames=2, BitsStored=8, HighBit=7,
        PixelRepresentation=0, PhotometricInterpretation="MONOCHROME2", PixelData=swapped,
    )  # fmt: skip
    dataset["PixelData"].VR = "OW"
    return part10(dataset, ExplicitVRBigEndian)


def large(number: int) -> bytes:
    frame = np.arange(LARGE_FRAME // 4, dtype="<u4").tobytes()
    dataset = a_dataset(
        **uids(number), Rows=1024, Columns=LARGE_FRAME // 1024, NumberOfFrames=2, BitsStored=8,
        PixelData=frame + frame[::-1],
    )  # fmt: skip
    return part10(dataset)


INSTANCES = (
    words_in(ExplicitVRLittleEndian, EXPLICIT),
    words_in(ImplicitVRLittleEndian, IMPLICIT),
    words_in(DeflatedExplicitVRLittleEndian, DEFLATED),
    words_in(ExplicitVRBigEndian, BIG_ENDIAN),
    part10(a_dataset(**uids(NO_PIXELS))),
    bits(BIT_FRAMES),
    encapsulated(JPEG2000Lossless, UNKNOWN, encapsulate(CODESTREAMS[:2], has_bot=False)),
    encapsulated(JPEG2000Lossless, WITH_BOT, encapsulate(CODESTREAMS)),
    encapsulated(JPEG2000Lossless, WITHOUT_BOT, encapsulate(CODESTREAMS, has_bot=False)),
    encapsulated(JPEG2000Lossless, MANY_FRAGMENTS, fragmented(2)),
    encapsulated(
        JPEG2000Lossless, WITH_EOT, EXTENDED,
        ExtendedOffsetTable=EOT_OFFSETS, ExtendedOffsetTableLengths=EOT_LENGTHS,
    ),
    encapsulated(JPEGLSLossless, JPEG_LS, encapsulate(CODESTREAMS)),
    encapsulated(MPEG4HP41, VIDEO, encapsulate([b"video " * 4]), frames=200),
    encapsulated(RLELossless, RLE, encapsulate(CODESTREAMS)),
    encapsulated(JPEGBaseline8Bit, JPEG, encapsulate(CODESTREAMS)),
    large(LARGE),
    odd_big_endian(ODD_BYTES_BIG_ENDIAN),
)  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    limits = {"frames_per_request": 50}
    with ServedDicomWeb(tmp_path_factory.mktemp("frames"), retrieve=limits) as server:
        server.keep(*INSTANCES)
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept=STORED) as client:
        yield client


def frames_of(response: httpx.Response) -> list[bytes]:
    assert response.status_code == 200, response.text
    return [body for _, body in parts(response)]


def padded(codestream: bytes) -> bytes:
    return codestream + bytes(len(codestream) % 2)


def part_types(response: httpx.Response) -> set[str]:
    return {head["Content-Type"] for head, _ in parts(response)}


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
    assert "too few fragments" in response.text


def test_large_frames_stream_and_are_whole(client: httpx.Client) -> None:
    first, second = frames_of(client.get(path(LARGE, "1,2")))

    assert first == np.arange(LARGE_FRAME // 4, dtype="<u4").tobytes()
    assert second == first[::-1]


def test_an_answer_says_how_long_it_is_and_head_says_the_same(client: httpx.Client) -> None:
    for number, frames in itertools.product((EXPLICIT, WITH_BOT, LARGE), ("1", "2,1")):
        response = client.get(path(number, frames))
        head = client.head(path(number, frames))

        assert int(response.headers["content-length"]) == len(response.content)
        for name in ("content-length", "content-type", "etag", "accept-ranges", "vary"):
            assert head.headers[name] == response.headers[name]
        assert head.content == b""


def test_an_answer_can_be_revalidated(client: httpx.Client) -> None:
    response = client.get(path(EXPLICIT, "1"))
    etag = response.headers["etag"]

    again = client.get(path(EXPLICIT, "1"), headers={"If-None-Match": f'"x", W/{etag}'})

    assert re.fullmatch(r'"[0-9a-f]{40}"', etag)
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "private, no-cache"
    assert again.status_code == 304
    assert again.headers["etag"] == etag
    assert again.content == b""


def test_different_answers_have_different_tags(client: httpx.Client) -> None:
    asked = [
        (path(EXPLICIT, "1"), STORED),
        (path(EXPLICIT, "2"), STORED),
        (path(EXPLICIT, "1,2"), STORED),
        (path(EXPLICIT, "2,1"), STORED),
        (path(EXPLICIT, "1"), OCTETS),
        (path(JPEG_LS, "1"), STORED),
        (path(WITH_BOT, "1"), STORED),
        (path(WITH_BOT, "1"), "*/*"),
    ]
    tags = [client.get(url, headers={"Accept": accept}).headers["etag"] for url, accept in asked]

    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize(
    "number", [EXPLICIT, DEFLATED, BIG_ENDIAN, WITH_BOT, MANY_FRAGMENTS, BIT_FRAMES]
)
@pytest.mark.parametrize("frames", ["1", "3,1,2"])
def test_any_range_of_the_whole_body_can_be_had(
    client: httpx.Client, number: int, frames: str
) -> None:
    whole = client.get(path(number, frames))
    size = len(whole.content)

    for start, stop in ((0, 1), (0, size), (size - 1, size), (60, 200), (150, 420), (333, 334)):
        if start >= size:
            continue
        response = client.get(path(number, frames), headers={"Range": f"bytes={start}-{stop - 1}"})
        end = min(stop, size)

        assert response.status_code == 206
        assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert response.headers["content-type"] == whole.headers["content-type"]
        assert int(response.headers["content-length"]) == end - start
        assert response.content == whole.content[start:end]


def test_ranges_of_large_frames_are_put_together_to_the_whole(client: httpx.Client) -> None:
    whole = client.get(path(LARGE, "2,1")).content
    size = len(whole)

    cuts = [0, 100, 65_536, 5 << 20, LARGE_FRAME + 150, size - 40]
    pieces = [
        client.get(path(LARGE, "2,1"), headers={"Range": f"bytes={start}-{stop}"}).content
        for start, stop in zip(cuts, [*(cut - 1 for cut in cuts[1:]), ""], strict=True)
    ]

    assert b"".join(pieces) == whole


@pytest.mark.parametrize("value", ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes"])
def test_a_range_that_is_none_or_several_is_passed_over(client: httpx.Client, value: str) -> None:
    response = client.get(path(EXPLICIT, "1"), headers={"Range": value})

    assert frames_of(response) == [WORDS[0].tobytes()]


def test_the_end_can_be_asked_for_and_what_is_behind_it_cannot(client: httpx.Client) -> None:
    whole = client.get(path(EXPLICIT, "1")).content

    end = client.get(path(EXPLICIT, "1"), headers={"Range": "bytes=-10"})
    more = client.get(path(EXPLICIT, "1"), headers={"Range": "bytes=-99999"})
    behind = client.get(path(EXPLICIT, "1"), headers={"Range": f"bytes={len(whole)}-"})

    assert (end.status_code, end.content) == (206, whole[-10:])
    assert (more.status_code, more.content) == (206, whole)
    assert behind.status_code == 416
    assert behind.headers["content-range"] == f"bytes */{len(whole)}"


def test_a_range_of_another_representation_is_not_given(client: httpx.Client) -> None:
    etag = client.get(path(EXPLICIT, "1")).headers["etag"]
    asked = {"Range": "bytes=0-9"}

    same = client.get(path(EXPLICIT, "1"), headers={**asked, "If-Range": etag})
    for other in ('"other"', f"W/{etag}", "Sun, 22 Nov 2026 06:00:00 GMT"):
        response = client.get(path(EXPLICIT, "1"), headers={**asked, "If-Range": other})
        assert response.status_code == 200

    assert same.status_code == 206


def test_pixels_with_a_known_boundary_in_them_survive(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    seen = client.get(path(EXPLICIT, "1"))
    boundary = re.search(r'boundary="([^"]*)"', seen.headers["content-type"])
    assert boundary is not None
    assert len(boundary[1]) * 4 >= 128
    hostile = f"\r\n--{boundary[1]}--\r\n".encode()
    dataset = a_dataset(**uids(30), Rows=1, Columns=len(hostile), BitsStored=8, PixelData=hostile)
    server.keep(part10(dataset))

    response = client.get(path(30, "1"))

    assert frames_of(response) == [hostile]
    assert boundary[1] not in response.headers["content-type"]


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


def test_a_browser_may_keep_frames_when_the_setting_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("cached")
    with ServedDicomWeb(folder, retrieve={"cache_seconds": 600}) as server:
        server.keep(words_in(ExplicitVRLittleEndian, EXPLICIT))
        with server.client(accept=STORED) as client:
            response = client.get(path(EXPLICIT))

    assert response.headers["cache-control"] == "private, max-age=600"
    assert response.headers["etag"]


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
