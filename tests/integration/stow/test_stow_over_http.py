"""What storing does on the wire: streaming, refusals before the body, clients that go away."""

import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import requests
from fastapi import FastAPI

from hilum.adapters.storage.spool import DiskSpool
from hilum.domain.instances import Arrival, Disposition, Outcome
from hilum.inbound.dicomweb.intake import Ingest, StowLimits
from hilum.inbound.dicomweb.stow import stow_router
from hilum.wire.base_url import BaseUrl
from hilum.wire.multipart_related import MultipartLimits
from hilum.wire.surfaces import SURFACES
from tests.instances import STUDY, a_multipart, an_instance
from tests.served_stow import ServedStow

MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
SINGLE = {"Content-Type": "application/dicom"}
LIMITS = StowLimits(
    MultipartLimits(parts=20, part_bytes=2_000_000, request_bytes=8_000_000),
    memory_part_bytes=100_000,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStow]:
    folder = tmp_path_factory.mktemp("stow")
    with ServedStow(folder, LIMITS, base_url=BaseUrl.of(trusted_proxies=["127.0.0.1"])) as server:
        yield server


@pytest.fixture
def served(server: ServedStow) -> ServedStow:
    server.empty()
    return server


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def head(served: ServedStow, *lines: str) -> bytes:
    host = f"{served.address[0]}:{served.address[1]}"
    text = ["POST /dicom-web/studies HTTP/1.1", f"Host: {host}", *lines]
    return "\r\n".join([*text, "", ""]).encode()


@pytest.mark.parametrize("size", [1000, 65_536, 1_000_000])
def test_a_chunked_body_of_small_and_large_parts_is_stored(served: ServedStow, size: int) -> None:
    instances = [an_instance(length) for length in (500, 1_500_000, 33_000, 99_000, 101_000)]

    response = requests.post(
        f"{served.url}/dicom-web/studies",
        data=pieces(a_multipart(*instances), size),
        headers=MULTIPART,
        timeout=30,
    )

    assert response.status_code == 200
    assert sorted(served.stored) == sorted(instances)
    assert served.spool_gets_empty()


def test_an_announced_body_over_the_limit_is_refused_before_it_is_sent(served: ServedStow) -> None:
    with socket.create_connection(served.address, timeout=10) as client:
        client.sendall(
            head(
                served,
                f"Content-Type: {MULTIPART['Content-Type']}",
                "Content-Length: 8000001",
                "Expect: 100-continue",
            )
        )
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"stow.request_bytes allows 8000000" in answer
    assert b"100 Continue" not in answer


def test_a_client_that_asks_first_is_told_to_continue(served: ServedStow) -> None:
    instance = an_instance(1000)
    with socket.create_connection(served.address, timeout=10) as client:
        client.sendall(
            head(
                served,
                "Content-Type: application/dicom",
                f"Content-Length: {len(instance)}",
                "Expect: 100-continue",
                "Connection: close",
            )
        )
        reader = client.makefile("rb")
        first = reader.readline()
        client.sendall(instance)
        answer = reader.read()

    assert first == b"HTTP/1.1 100 Continue\r\n"
    assert b"HTTP/1.1 200 OK" in answer
    assert served.stored == [instance]


@pytest.mark.azure("2.1-size", "2.7-413")
@pytest.mark.parametrize("surface", ["/v1", "/v2", "/dicom-web"])
@pytest.mark.parametrize(
    ("instances", "said"),
    [
        ([an_instance() for _ in range(21)], "stow.parts allows 20"),
        ([an_instance(2_000_000)], "stow.part_bytes allows 2000000"),
        ([an_instance(1_900_000) for _ in range(5)], "stow.request_bytes allows 8000000"),
    ],
    ids=["parts", "part", "request"],
)
def test_a_body_that_grows_over_a_limit_is_refused_by_the_name_of_the_setting(
    served: ServedStow, surface: str, instances: list[bytes], said: str
) -> None:
    response = httpx.post(
        f"{served.url}{surface}/studies",
        content=pieces(a_multipart(*instances), 500_000),
        headers=MULTIPART,
    )

    assert response.status_code == 413
    assert said in response.text
    assert served.spool_gets_empty()


def test_a_refusal_in_the_middle_reaches_a_client_that_sends_on_regardless(
    served: ServedStow,
) -> None:
    body = b"--B\r\nno header line\r\n\r\n" + bytes(7_000_000)

    response = requests.post(
        f"{served.url}/dicom-web/studies", data=body, headers=MULTIPART, timeout=30
    )

    assert response.status_code == 400
    assert "header line of part 1" in response.text


def test_a_connection_lives_on_after_a_refusal(served: ServedStow) -> None:
    with httpx.Client(base_url=served.url) as client:
        refused = client.post("/dicom-web/studies", content=b"x" * 500_000, headers=MULTIPART)
        taken = client.post("/dicom-web/studies", content=an_instance(), headers=SINGLE)

    assert (refused.status_code, taken.status_code) == (400, 200)


def test_a_client_that_goes_away_leaves_what_was_complete_and_nothing_else(
    served: ServedStow,
) -> None:
    instances = [an_instance(200_000), an_instance(1_000_000)]
    body = a_multipart(*instances)
    ended_before = served.ended
    with socket.create_connection(served.address, timeout=10) as client:
        client.sendall(
            head(
                served,
                f"Content-Type: {MULTIPART['Content-Type']}",
                f"Content-Length: {len(body)}",
            )
        )
        client.sendall(body[:900_000])

    served.wait_for_end_of_request(ended_before + 1)
    assert served.stored == instances[:1]
    assert served.spool_gets_empty()


def test_urls_in_the_answer_are_those_behind_the_proxy(served: ServedStow) -> None:
    response = httpx.post(
        f"{served.url}/dicom-web/studies",
        content=an_instance(),
        headers={
            **SINGLE,
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "pacs.example.org",
            "X-Forwarded-Prefix": "/hilum",
        },
    )

    url = f"https://pacs.example.org/hilum/dicom-web/studies/{STUDY}"
    assert response.json()["00081190"]["Value"] == [url]


def test_memory_does_not_grow_with_the_size_of_an_instance(tmp_path: Path) -> None:
    def forget(_: Ingest) -> Ingest:
        async def ingest(arrival: Arrival) -> Outcome:
            size = arrival.content.size_bytes
            return Outcome(Disposition.CREATED if size == 256 << 20 else Disposition.UNREADABLE)

        return ingest

    megabyte = bytes(1 << 20)
    with ServedStow(tmp_path, wrap=forget) as served:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        response = httpx.post(
            f"{served.url}/dicom-web/studies",
            content=(megabyte for _ in range(256)),
            headers=SINGLE,
            timeout=60,
        )
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert response.status_code == 200
    assert after - before < 60 * 1024, "KiB"


def test_the_openapi_document_describes_the_routes_of_every_surface(tmp_path: Path) -> None:
    app = FastAPI()
    for surface in SURFACES:
        router = stow_router(never, DiskSpool(tmp_path), surface)
        app.include_router(router, prefix=surface.prefix)

    paths = app.openapi()["paths"]

    assert set(paths["/v2/studies/{study}"]) == {"post", "put"}
    assert set(paths["/dicom-web/studies"]) == {"post"}
    operation = paths["/dicom-web/studies"]["post"]
    assert "application/dicom" in operation["requestBody"]["content"]
    assert {"200", "202", "204", "400", "409", "413", "415", "503"} <= set(operation["responses"])


async def never(arrival: Arrival) -> Outcome:
    raise AssertionError("nothing is sent here")
