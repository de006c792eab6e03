"""Lengths, entity tags, ranges and boundaries of answers with frames (RFC 9110)."""

import itertools
import re
from collections.abc import Iterator

import httpx
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
)

from tests.conformance.standard.frame_instances import (
    BIG_ENDIAN,
    BIT_FRAMES,
    DEFLATED,
    EXPLICIT,
    JPEG_LS,
    LARGE,
    LARGE_FRAME,
    MANY_FRAGMENTS,
    OCTETS,
    STORED,
    WITH_BOT,
    WORDS,
    frames_of,
    path,
    served,
    uids,
    words_in,
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
