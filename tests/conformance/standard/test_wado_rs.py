"""WADO-RS on the standard surface (PS3.18 section 10.4)."""

import asyncio
import io
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.uid import (
    HTJ2K,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from hilum.domain.identifiers import Scope, SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from tests.conformance.multipart import parts
from tests.instances import a_dataset, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.7"
MULTIPART = 'multipart/related; type="application/dicom"'
ITEM = b"\xfe\xff\x00\xe0"
ENCAPSULATED = ITEM + bytes(4) + ITEM + b"\x04\x00\x00\x00abcd" + b"\xfe\xff\xdd\xe0" + bytes(4)


def uids(study: int, instance: int = 1) -> dict[str, str]:
    uid = f"{ROOT}.{study}"
    return {
        "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.1",
        "SOPInstanceUID": f"{uid}.1.{instance}",
    }


def path(study: int, instance: int | None = None) -> str:
    uid = f"{ROOT}.{study}"
    if instance is None:
        return f"/dicom-web/studies/{uid}"
    return f"/dicom-web/studies/{uid}/series/{uid}.1/instances/{uid}.1.{instance}"


def stored_in(syntax: str, study: int, instance: int = 1) -> bytes:
    dataset = a_dataset(**uids(study, instance), PixelData=b"\x01\x02")
    if syntax in {MPEG4HP41, RLELossless}:
        dataset.PixelData = ENCAPSULATED
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    return part10(dataset, syntax)


EXPLICIT = stored_in(ExplicitVRLittleEndian, 1, 1)
IMPLICIT = stored_in(ImplicitVRLittleEndian, 1, 2)
DEFLATED = stored_in(DeflatedExplicitVRLittleEndian, 1, 3)
VIDEO = stored_in(MPEG4HP41, 1, 4)
MIXED = [EXPLICIT, IMPLICIT, DEFLATED, VIDEO]
LARGE = an_instance(9 << 20, **uids(2))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    # Pages of three instances, so that a study takes several.
    with ServedDicomWeb(tmp_path_factory.mktemp("wado"), retrieve={"page_instances": 3}) as server:
        server.keep(*MIXED, LARGE)
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client(accept="*/*") as client:
        yield client


def syntaxes(response: httpx.Response) -> list[str]:
    return [head["Content-Type"].rpartition("=")[2] for head, _ in parts(response)]


def test_a_star_gives_every_instance_as_it_came(client: httpx.Client) -> None:
    for accept in ("*/*", f"{MULTIPART}; transfer-syntax=*"):
        response = client.get(path(1), headers={"Accept": accept})

        assert response.status_code == 200
        assert [body for _, body in parts(response)] == MIXED


def test_left_open_uncompressed_instances_become_explicit_and_the_others_stay(
    client: httpx.Client,
) -> None:
    response = client.get(path(1), headers={"Accept": MULTIPART})

    assert response.status_code == 200
    assert syntaxes(response) == [ExplicitVRLittleEndian] * 3 + [MPEG4HP41]
    bodies = [body for _, body in parts(response)]
    assert bodies[0] == EXPLICIT
    assert bodies[3] == VIDEO
    for body in bodies[1:3]:
        converted = pydicom.dcmread(io.BytesIO(body))
        assert converted.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert converted.PixelData == b"\x01\x02"


def test_a_missing_accept_header_means_the_default(client: httpx.Client) -> None:
    request = client.build_request("GET", path(1))
    del request.headers["accept"]

    response = client.send(request)

    assert syntaxes(response) == [ExplicitVRLittleEndian] * 3 + [MPEG4HP41]


def test_a_syntax_that_only_some_instances_have_gives_a_partial_answer_that_says_so(
    client: httpx.Client,
) -> None:
    for syntax, expected in ((ExplicitVRLittleEndian, 3), (MPEG4HP41, 1)):
        accept = f"{MULTIPART}; transfer-syntax={syntax}"
        response = client.get(path(1), headers={"Accept": accept})

        assert response.status_code == 206
        assert f"{4 - expected} instances" in response.headers["warning"]
        assert syntaxes(response) == [syntax] * expected


def test_a_syntax_that_no_instance_has_is_406(client: httpx.Client) -> None:
    for target in (path(1), path(1, 4)):
        accept = f"{MULTIPART}; transfer-syntax={HTJ2K}"
        response = client.get(target, headers={"Accept": accept})

        assert response.status_code == 406
        assert HTJ2K in response.text


def test_any_stored_syntax_may_be_named(client: httpx.Client) -> None:
    accept = f"application/dicom; transfer-syntax={RLELossless}; transfer-syntax={MPEG4HP41}"

    assert client.get(path(1, 4), headers={"Accept": accept}).content == VIDEO


def test_the_accept_parameter_is_read(client: httpx.Client) -> None:
    response = client.get(f"{path(1, 1)}?accept=application/dicom;transfer-syntax=*")

    assert response.headers["content-type"].startswith("application/dicom; ")
    assert response.content == EXPLICIT


def test_every_part_says_where_it_is_from(client: httpx.Client, server: ServedDicomWeb) -> None:
    for head, body in parts(client.get(path(1))):
        location = head["Content-Location"]
        assert location.startswith(f"{server.url}/dicom-web/studies/")
        single = {"Accept": "application/dicom; transfer-syntax=*"}
        assert client.get(location, headers=single).content == body


def test_a_large_instance_streams_whole(client: httpx.Client) -> None:
    single = client.get(path(2, 1), headers={"Accept": "application/dicom; transfer-syntax=*"})
    ((_, body),) = parts(client.get(path(2)))

    assert single.content == LARGE
    assert body == LARGE
    assert single.headers["content-length"] == str(len(LARGE))


@pytest.mark.parametrize("accept", ["application/dicom; transfer-syntax=*", "*/*"])
def test_head_tells_what_get_would_send(client: httpx.Client, accept: str) -> None:
    for target in (path(2), path(2, 1), path(1, 1)):
        if target == path(2) and accept != "*/*":
            continue
        head = client.head(target, headers={"Accept": accept})
        get = client.get(target, headers={"Accept": accept})

        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(len(get.content))
        kind = get.headers["content-type"].partition("boundary")[0]
        assert head.headers["content-type"].startswith(kind)


def test_an_instance_has_an_etag_and_is_not_sent_twice(client: httpx.Client) -> None:
    first = client.get(path(1, 1))
    again = client.get(path(1, 1), headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["etag"].startswith('W/"')
    assert again.status_code == 304
    assert again.headers["etag"] == first.headers["etag"]
    assert "private" in first.headers["cache-control"]


def test_head_of_an_instance_has_the_same_etag(client: httpx.Client) -> None:
    asked = client.get(path(1, 1))
    for accept in ("application/dicom; transfer-syntax=*", asked.headers["content-type"]):
        head = client.head(path(1, 1), headers={"Accept": accept})
        assert head.status_code == 200
        assert head.headers["etag"] == asked.headers["etag"]
        assert head.headers["cache-control"] == asked.headers["cache-control"]

    known = client.head(path(1, 1), headers={"If-None-Match": asked.headers["etag"]})
    assert known.status_code == 304


def test_metadata_has_a_quoted_etag_at_every_level(client: httpx.Client) -> None:
    for target in (path(1), path(1, 1)):
        first = client.get(f"{target}/metadata")
        again = client.get(f"{target}/metadata", headers={"If-None-Match": first.headers["etag"]})

        assert first.headers["etag"].startswith('W/"')
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_opens_compressed_metadata(server: ServedDicomWeb, client: httpx.Client) -> None:
    command = ["curl", "--silent", "--fail", "--compressed", f"{server.url}{path(1)}/metadata"]

    text = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout

    assert json.loads(text) == client.get(f"{path(1)}/metadata").json()


def test_a_new_version_is_what_is_given_and_the_old_etag_no_longer_matches(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    server.keep(an_instance(**uids(3), PatientID="OLD"))
    etag = client.get(path(3, 1)).headers["etag"]
    new = an_instance(**uids(3), PatientID="NEW")
    server.keep(new, new_versions=True)

    response = client.get(
        path(3, 1),
        headers={"If-None-Match": etag, "Accept": "application/dicom; transfer-syntax=*"},
    )

    assert response.status_code == 200
    assert response.content == new


def test_an_object_that_is_missing_is_an_error_and_not_an_empty_answer(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    server.keep(an_instance(**uids(4)))
    _remove_object(server, 4, 1)

    for target in (path(4, 1), path(4)):
        response = client.get(target)
        assert response.status_code == 500
        assert ROOT not in response.text or "stored object" in response.text


@pytest.mark.parametrize("accept", ["*/*", MULTIPART])
def test_a_failure_in_the_middle_ends_the_connection_and_not_the_body(
    server: ServedDicomWeb, accept: str
) -> None:
    server.keep(*[an_instance(**uids(5, number)) for number in range(1, 8)])
    _remove_object(server, 5, 6)

    with server.client(accept) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(path(5))


def test_a_large_instance_cut_on_disk_ends_the_connection(server: ServedDicomWeb) -> None:
    server.keep(an_instance(6 << 20, **uids(6)))
    file = _object_path(server, 6, 1)
    file.write_bytes(file.read_bytes()[: 5 << 20])

    for accept in ("*/*", "application/dicom; transfer-syntax=*"):
        with server.client(accept) as client, pytest.raises(httpx.RemoteProtocolError):
            client.get(path(6, 1))


def test_a_client_that_goes_away_stops_the_reading(server: ServedDicomWeb) -> None:
    server.keep(*[an_instance(3 << 20, **uids(7, number)) for number in range(1, 31)])
    request = f"GET {path(7)} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")

    async def until_idle() -> None:
        while any(_is_request(task) for task in asyncio.all_tasks()):
            await server.archive.index.ping()

    server.run(asyncio.wait_for(until_idle(), 20))


def _is_request(task: "asyncio.Task[object]") -> bool:
    return "run_asgi" in repr(task.get_coro())


def _scope(study: int, instance: int | None = None) -> Scope:
    uid = f"{ROOT}.{study}"
    if instance is None:
        return Scope(StudyInstanceUID(uid))
    return Scope(
        StudyInstanceUID(uid), SeriesInstanceUID(f"{uid}.1"), SOPInstanceUID(f"{uid}.1.{instance}")
    )


def _object_path(server: ServedDicomWeb, study: int, instance: int) -> Path:
    (record,) = server.run(server.archive.index.instances(_scope(study, instance), 0, 1))
    return server.archive.objects.path(record.object_key)


def _remove_object(server: ServedDicomWeb, study: int, instance: int) -> None:
    _object_path(server, study, instance).unlink(missing_ok=True)
