"""What is taken, what is refused at once, and what the refusal says."""

import asyncio
import gzip
import socket
import zipfile
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path

import pytest

from hilum.inbound.upload.form import FormLimits
from tests.integration.http.conftest import Gateway, Start
from tests.integration.upload.door import Door, a_door
from tests.integration.upload.forms import (
    BOUNDARY,
    MULTIPART,
    a_file,
    file_part,
    form,
    names,
    part,
    post,
    problem_of,
    settled,
)


def left_behind(gateway: Gateway) -> list[Path]:
    """Files of the spool and the holding, but for locks."""
    data = gateway.serving.archive.folder
    found = [*(data / "spool").rglob("*"), *(data / "holding").rglob("*")]
    return [path for path in found if path.is_file() and not path.name.endswith(("lock", "sive"))]


async def test_an_upload_is_accepted_and_archived(gateway: Gateway) -> None:
    answer = await post(gateway, form(file_part(a_file())), **{"X-Correlation-ID": "from-me"})

    told = answer.json()
    assert answer.status_code == 202
    assert told["status"] == "accepted"
    assert (told["files"], told["bytes"]) == (1, len(a_file()))
    assert told["status_url"] == answer.headers["location"] == f"/status/{told['study_id']}"
    assert told["events_url"] == f"/status/{told['study_id']}/events"
    status = await settled(gateway, told["study_id"])
    assert status["status"] == "archived"
    assert status["correlation_id"] == "from-me"
    assert status["files"] == {"total": 1, "bytes": len(a_file()), "archived": 1}


async def test_any_client_library_and_any_field_name_will_do(door: Door) -> None:
    files = [("file", ("a.dcm", a_file(1))), ("other", ("b", a_file(2)))]

    answer = await door.client.post("/upload", data={"comment": "mine"}, files=files)

    assert answer.status_code == 202
    assert await names(door, answer.json()["study_id"]) == ["a.dcm", "b"]


async def test_curl_is_understood(gateway: Gateway, tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted" nämé.dcm'
    odd.write_bytes(a_file())
    curl = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-F", f'f=@"{str(odd).replace(chr(34), chr(92) + chr(34))}"', "-F", "x=1",
        f"{gateway.serving.http.url}/upload", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await curl.communicate()

    assert b'"status":"accepted"' in output
    [upload] = (await gateway.client.get("/api/v1/uploads")).json()["uploads"]
    assert await names(gateway, upload["study_id"]) == [odd.name]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="f"; filename="study/series/1.dcm"', "study/series/1.dcm"),
        ('form-data; name="f"; filename="../../etc/passwd"', "etc/passwd"),
        ('form-data; name="f"; filename="/etc/passwd"', "etc/passwd"),
        (r'form-data; name="f"; filename="C:\scans\1.dcm"', "scans/1.dcm"),
        ('form-data; name="f"; filename="a\tb\x01.dcm"', "ab.dcm"),
        ('form-data; name="f"; filename="a%22b.dcm"', 'a"b.dcm'),
        ("form-data; name=f; filename=plain.dcm", "plain.dcm"),
        ("form-data; name=f; filename=x; filename*=UTF-8''%E2%82%AC.dcm", "€.dcm"),
        ("FORM-DATA; filename*=iso-8859-1'en'%A3.dcm; name=f", "£.dcm"),
        ('form-data; name="f"; filename="\u202egpj.dcm"', "gpj.dcm"),
        ('form-data; name="f"; filename="' + "x" * 1000 + '.dcm"', "x" * 251 + ".dcm"),
        ('form-data; name="f"; filename=".."', "file"),
        ('form-data; name="f"; filename=""', "file"),
    ],
)
async def test_names_are_kept_as_relative_paths_fit_to_be_shown(
    door: Door, disposition: str, name: str
) -> None:
    answer = await post(door, form(part(a_file(), disposition)))

    assert answer.status_code == 202
    assert await names(door, answer.json()["study_id"]) == [name]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (form(), "no file"),
        (form(part(b"1", 'form-data; name="field"')), "no file"),
        (form(part(b"", 'form-data; name="f"; filename=""')), "no file"),
        (b"--another\r\n\r\n--another--\r\n", "no line with the boundary"),
        (file_part(a_file())[:-50], "closing boundary is missing"),
        (f"--{BOUNDARY}\r\nContent-Disp".encode(), "closing boundary is missing"),
        (form(f"--{BOUNDARY}\r\nno colon\r\n\r\n".encode() + a_file() + b"\r\n"), "header line"),
        (form(part(a_file(), "attachment; filename=x")), "form-data"),
        (form(part(a_file(), 'form-data; filename="x')), "cannot be read"),
        (form(part(a_file(), "form-data; filename*=klingon''x")), "RFC 8187"),
    ],
)
async def test_a_form_that_cannot_be_read_or_has_no_file_is_400(
    door: Door, body: bytes, says: str
) -> None:
    answer = await post(door, body)

    assert answer.status_code == 400
    assert problem_of(answer)["type"] == "/problems/malformed-body"
    assert says in problem_of(answer)["detail"]
    assert door.left_behind() == []


@pytest.mark.parametrize(
    "content_type",
    ["", "application/dicom", "multipart/related; boundary=x", "multipart/form-data",
     f"multipart/form-data; boundary={'x' * 71}"],
)  # fmt: skip
async def test_what_is_no_form_is_415(door: Door, content_type: str) -> None:
    answer = await post(door, form(file_part(a_file())), **{"Content-Type": content_type})

    assert answer.status_code == 415
    assert problem_of(answer)["type"] == "/problems/unsupported-media-type"


async def test_a_body_or_part_that_is_encoded_is_415(door: Door) -> None:
    body = form(file_part(a_file()))
    packed = await post(door, gzip.compress(body), **{"Content-Encoding": "gzip"})
    encoded = part(b"AAAA", 'form-data; filename="x"', "Content-Transfer-Encoding: base64")

    assert packed.status_code == 415
    assert (await post(door, form(encoded))).status_code == 415


async def test_endings_of_names_can_be_demanded(tmp_path: Path) -> None:
    async with a_door(tmp_path, FormLimits(allowed_extensions=(".dcm", ".zip"))) as door:
        answers = [
            await post(door, form(file_part(a_file(), name)))
            for name in ("a.dcm", "a.DCM", "a.zip.exe", "dcm")
        ]

    assert [answer.status_code for answer in answers] == [202, 202, 415, 415]
    refused = problem_of(answers[-1])["detail"]
    assert "part 1" in refused
    assert ".dcm or .zip" in refused
    assert "upload.allowed_extensions" in refused


@pytest.mark.parametrize(
    "body",
    [
        form(file_part(a_file(), "DOE^JANE.exe")),
        form(file_part(b"no DICOM", "DOE^JANE.dcm")),
        form(file_part(bytes(6000), "DOE^JANE.dcm")),
        file_part(a_file(), "DOE^JANE.dcm"),
    ],
)
async def test_a_refusal_never_repeats_the_name_of_a_file(tmp_path: Path, body: bytes) -> None:
    limits = FormLimits(allowed_extensions=(".dcm",), file_bytes=5000)
    async with a_door(tmp_path, limits) as door:
        answer = await post(door, body)

    assert answer.status_code >= 400
    assert "DOE" not in answer.text


async def test_what_can_be_no_dicom_is_422_at_once(door: Door) -> None:
    one = await post(door, form(file_part(b"%PDF-1.7 and so on")))
    several = await post(door, form(file_part(b"text"), file_part(b"", "empty")))

    assert [one.status_code, several.status_code] == [422, 422]
    assert problem_of(one)["type"] == "/problems/nothing-usable"
    assert "The file is neither DICOM nor zip" in problem_of(one)["detail"]
    assert "All 2 files" in problem_of(several)["detail"]
    assert door.left_behind() == []


async def test_among_others_it_is_taken_and_judged_later(gateway: Gateway) -> None:
    answer = await post(gateway, form(file_part(b"text", "notes.txt"), file_part(a_file())))

    assert answer.status_code == 202
    status = await settled(gateway, answer.json()["study_id"])
    assert (status["status"], status["partial"]) == ("archived", True)
    assert status["files"] | {"bytes": 0} == {
        "total": 2, "bytes": 0, "quarantined": 1, "archived": 1,
    }  # fmt: skip
    found = status["findings"][0]
    assert (found["name"], found["state"]) == ("notes.txt", "quarantined")
    assert found["quarantine"] > 0
    assert found["findings"][0]["severity"] == "error"
    assert found["findings"][0]["mend"]


async def test_data_sets_without_preamble_and_zip_files_are_taken(gateway: Gateway) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("study/1", a_file(1))
        archive.writestr("study/2", a_file(2))
    bare = a_file(3)[132:]

    answer = await post(gateway, form(file_part(packed.getvalue(), "study"), file_part(bare)))

    status = await settled(gateway, answer.json()["study_id"])
    assert status["status"] == "archived"
    assert status["files"]["unpacked"] == 1
    assert status["files"]["archived"] >= 2


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (form(file_part(a_file() + bytes(5000))), "upload.file_bytes"),
        (form(*(file_part(a_file(number)) for number in range(5))), "upload.files"),
        (form(*(part(b"", "form-data; name=x") for _ in range(5))), "upload.files"),
        (form(part(a_file(), "form-data; filename=x", "X: " + "y" * 3000)), "upload.part_header"),
        (b"x" * 3000 + form(file_part(a_file())), None),
    ],
)
async def test_what_is_too_large_is_told_with_the_setting(
    tmp_path: Path, body: bytes, limit: str | None
) -> None:
    limits = FormLimits(file_bytes=5000, request_bytes=50_000, files=4, part_header_bytes=2000)
    async with a_door(tmp_path, limits) as door:
        answer = await post(door, body)
        assert door.left_behind() == []

    assert answer.status_code == (413 if limit else 400)
    assert (limit or "boundary") in problem_of(answer)["detail"]


async def test_a_body_that_is_announced_too_large_is_refused_unread(tmp_path: Path) -> None:
    async with a_door(tmp_path, FormLimits(request_bytes=10_000)) as door:
        answer = await post(door, form(file_part(bytes(20_000))))

    assert answer.status_code == 413
    assert problem_of(answer)["type"] == "/problems/body-too-large"
    assert answer.headers["connection"] == "close"


async def test_a_body_of_unknown_length_is_counted(tmp_path: Path) -> None:
    async def chunked() -> AsyncIterator[bytes]:
        yield file_part(a_file())[:-2]
        for _ in range(20):
            yield bytes(10_000)

    async with a_door(tmp_path, FormLimits(request_bytes=100_000)) as door:
        answer = await post(door, chunked())
        assert door.left_behind() == []

    assert answer.status_code == 413
    assert "upload.request_bytes" in problem_of(answer)["detail"]


async def test_a_full_disk_is_507_and_leaves_nothing(start: Start) -> None:
    gateway = await start(storage__reserve_bytes=1 << 60)

    answer = await post(gateway, form(file_part(a_file())))

    assert answer.status_code == 507
    assert problem_of(answer)["type"] == "/problems/archive-full"
    assert int(answer.headers["retry-after"]) > 0
    assert left_behind(gateway) == []
    assert (await gateway.client.get("/api/v1/uploads")).json() == {"uploads": []}


async def _raw(gateway: Gateway, *pieces: bytes, pause: float = 0.0) -> socket.socket:
    host, port = gateway.serving.http.url.removeprefix("http://").split(":")
    connection = await asyncio.to_thread(socket.create_connection, (host, int(port)), 20)
    for piece in pieces:
        connection.sendall(piece)
        await asyncio.sleep(pause)
    return connection


async def _until(happened: Callable[[], bool]) -> None:
    """Files come and go without a word to the test."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _head(length: int) -> bytes:
    lines = ["POST /upload HTTP/1.1", "Host: localhost", f"Content-Type: {MULTIPART}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


async def test_a_client_that_leaves_midway_leaves_nothing(start: Start) -> None:
    gateway = await start(upload__memory_file_bytes=1000)
    body = form(file_part(a_file()), file_part(a_file(2) + bytes(500_000)))
    connection = await _raw(gateway, _head(len(body)), body[:200_000])
    await _until(lambda: bool(left_behind(gateway)))
    connection.close()
    await _until(lambda: not left_behind(gateway))

    assert (await gateway.client.get("/api/v1/uploads")).json() == {"uploads": []}


async def test_a_body_in_tiny_pieces_is_taken(gateway: Gateway) -> None:
    body = form(file_part(a_file()), file_part(a_file(2)))
    pieces = [body[start : start + 61] for start in range(0, len(body), 61)]
    connection = await _raw(gateway, _head(len(body)), *pieces)
    answer = await asyncio.to_thread(connection.recv, 65_536)
    connection.close()

    assert answer.startswith(b"HTTP/1.1 202")


async def test_a_body_that_stalls_is_given_up(start: Start) -> None:
    gateway = await start(http__body_idle_seconds=0.3)
    body = form(file_part(a_file()))
    connection = await _raw(gateway, _head(len(body)), body[:500])
    answer = await asyncio.to_thread(connection.recv, 65_536)
    connection.close()

    assert answer.startswith(b"HTTP/1.1 408")
    assert left_behind(gateway) == []


async def test_addresses_are_below_the_prefix_of_a_proxy(door: Door) -> None:
    forwarded = {"X-Forwarded-Prefix": "/hilum", "X-Forwarded-Proto": "https"}

    answer = await post(door, form(file_part(a_file())), **forwarded)

    study_id = answer.json()["study_id"]
    assert answer.headers["location"] == f"/hilum/status/{study_id}"
    assert answer.json()["events_url"] == f"/hilum/status/{study_id}/events"
