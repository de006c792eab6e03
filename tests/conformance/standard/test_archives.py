"""Instances as `application/zip`: a file-set with its DICOMDIR (PS3.18 8.6.1.3, PS3.12 annex V)."""

import asyncio
import io
import re
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from hilum.domain.identifiers import Scope, StudyInstanceUID
from tests.filesets import file_set
from tests.instances import a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

ZIP = {"Accept": "application/zip"}
ROOT = "1.2.826.0.1.3680043.10.8"
STUDY = f"{ROOT}.1"
LARGE = 6 << 20


def an_image(
    series: int, instance: int, syntax: str = ExplicitVRLittleEndian, **more: Any
) -> bytes:
    elements: dict[str, Any] = {
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": f"{STUDY}.{series}",
        "SOPInstanceUID": f"{STUDY}.{series}.{instance}",
        "SeriesNumber": series,
        "InstanceNumber": instance,
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Müller^Jörg=山田",
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelData": b"\1\0",
    }
    return part10(a_dataset(**elements | more), syntax)


FILES = {
    f"{STUDY}.1.1": an_image(1, 1),
    f"{STUDY}.1.2": an_image(1, 2, ImplicitVRLittleEndian),
    f"{STUDY}.2.1": an_image(2, 1, PixelData=bytes(LARGE), Rows=2048, Columns=3072),
    f"{STUDY}.2.2": an_image(2, 2, SOPClassUID="1.2.840.10008.5.1.4.1.1.66", Rows=None),
    f"{STUDY}.2.3": an_image(2, 3, SOPClassUID="1.3.6.1.4.1.5962.301.9", Rows=None),
}
"""Among them raw data, and an instance of a private class, for which there is no record."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    settings = {"retrieve": {"zip_instances": 6}, "pixels": {"lossy": True}}
    with ServedDicomWeb(tmp_path_factory.mktemp("archives"), **settings) as served:
        served.keep(*FILES.values())
        yield served


@pytest.fixture(scope="module")
def client(served: ServedDicomWeb) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.url}/dicom-web", timeout=60) as client:
        yield client


def opened(response: httpx.Response) -> zipfile.ZipFile:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    return archive


def instances(archive: zipfile.ZipFile) -> dict[str, bytes]:
    found = {}
    for name in archive.namelist():
        if name != "DICOMDIR":
            content = archive.read(name)
            read = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
            found[read.SOPInstanceUID] = content
    return found


@pytest.mark.parametrize(
    ("path", "uids"),
    [
        (f"/studies/{STUDY}", list(FILES)),
        (f"/studies/{STUDY}/series/{STUDY}.1", list(FILES)[:2]),
        (f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.2", [f"{STUDY}.1.2"]),
    ],
)
def test_an_archive_has_the_files_as_they_were_stored(
    client: httpx.Client, path: str, uids: list[str]
) -> None:
    response = client.get(path, headers=ZIP)

    with opened(response) as archive:
        assert instances(archive) == {uid: FILES[uid] for uid in uids}
    assert response.headers["content-length"] == str(len(response.content))
    named = path.rpartition("/")[2]
    assert response.headers["content-disposition"] == f'attachment; filename="{named}.zip"'


def test_names_are_those_of_a_file_set_and_tell_nothing(client: httpx.Client) -> None:
    with opened(client.get(f"/studies/{STUDY}", headers=ZIP)) as archive:
        names = archive.namelist()

    assert names[-1] == "DICOMDIR"
    assert [name for name in names if name.startswith("OTHER/")] == ["OTHER/FI000004"]
    assert all(re.fullmatch(r"([A-Z0-9]{1,8}/){1,3}[A-Z0-9]{1,8}", name) for name in names[:-1])


def test_pydicom_finds_every_instance_by_the_dicomdir(client: httpx.Client, tmp_path: Path) -> None:
    with opened(client.get(f"/studies/{STUDY}", headers=ZIP)) as archive:
        archive.extractall(tmp_path)

    with file_set(tmp_path / "DICOMDIR") as files:
        found = {each.SOPInstanceUID: Path(each.path).read_bytes() for each in files}
        syntaxes = {each.ReferencedTransferSyntaxUIDInFile for each in files}
        names = files.find_values("PatientName")
    assert found == {uid: FILES[uid] for uid in FILES if uid != f"{STUDY}.2.3"}
    assert syntaxes == {ExplicitVRLittleEndian, ImplicitVRLittleEndian}
    assert [str(name) for name in names] == ["Müller^Jörg=山田"]


@pytest.mark.peer("DCMTK")
@pytest.mark.skipif(
    shutil.which("dcmmkdir") is None, reason="DCMTK is not here: run scripts/services install"
)
def test_dcmtk_makes_the_same_records(client: httpx.Client, tmp_path: Path) -> None:
    with opened(client.get(f"/studies/{STUDY}/series/{STUDY}.1", headers=ZIP)) as archive:
        archive.extractall(tmp_path)
    ours = pydicom.dcmread(tmp_path / "DICOMDIR")
    dumped = subprocess.run(["dcmdump", "DICOMDIR"], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "DICOMDIR").rename(tmp_path / "OURS")
    command = ["dcmmkdir", "--recurse", "--no-xfer-check", "--invent", "PT000000"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    theirs = pydicom.dcmread(tmp_path / "DICOMDIR")

    assert b"E:" not in dumped.stderr
    assert b"W:" not in dumped.stderr
    for mine, other in zip(
        ours.DirectoryRecordSequence, theirs.DirectoryRecordSequence, strict=True
    ):
        assert mine.DirectoryRecordType == other.DirectoryRecordType
        assert {element.keyword for element in other} <= {element.keyword for element in mine} | {
            "SpecificCharacterSet"
        }
        for keyword in ("ReferencedFileID", "ReferencedSOPInstanceUIDInFile", "PatientID"):
            assert mine.get(keyword) == other.get(keyword)


def test_a_transfer_syntax_that_is_named_is_that_of_file_and_directory(
    client: httpx.Client, tmp_path: Path
) -> None:
    accept = f"application/zip; transfer-syntax={ExplicitVRLittleEndian}"
    response = client.get(f"/studies/{STUDY}/series/{STUDY}.1", headers={"Accept": accept})

    with opened(response) as archive:
        files = instances(archive)
        archive.extractall(tmp_path)
    assert files[f"{STUDY}.1.1"] == FILES[f"{STUDY}.1.1"]
    converted = pydicom.dcmread(io.BytesIO(files[f"{STUDY}.1.2"]))
    assert converted.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert "content-length" not in response.headers
    with file_set(tmp_path / "DICOMDIR") as listed:
        assert {each.ReferencedTransferSyntaxUIDInFile for each in listed} == {
            ExplicitVRLittleEndian
        }


def test_what_cannot_be_given_in_the_syntax_is_left_out_and_told(client: httpx.Client) -> None:
    accept = f"application/zip; transfer-syntax={RLELossless}"
    response = client.get(f"/studies/{STUDY}", headers={"Accept": accept})

    assert response.status_code == 206
    assert "2 instances cannot be given" in response.headers["warning"]
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert len(archive.namelist()) == 4


def test_an_image_that_is_made_lossy_is_listed_under_its_new_uid(
    client: httpx.Client, tmp_path: Path
) -> None:
    accept = f"application/zip; transfer-syntax={JPEGBaseline8Bit}"
    path = f"/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1.1"

    with opened(client.get(path, headers={"Accept": accept})) as archive:
        (made,) = instances(archive)
        archive.extractall(tmp_path)

    assert made != f"{STUDY}.1.1"
    with file_set(tmp_path / "DICOMDIR") as files:
        assert [each.ReferencedSOPInstanceUIDInFile for each in files] == [made]


def test_a_link_can_ask_for_an_archive(client: httpx.Client) -> None:
    response = client.get(f"/studies/{STUDY}?accept=application/zip", headers={"Accept": "*/*"})

    assert len(opened(response).namelist()) == 6


def test_head_tells_the_length(client: httpx.Client) -> None:
    path = f"/studies/{STUDY}"
    head, get = client.head(path, headers=ZIP), client.get(path, headers=ZIP)

    assert head.content == b""
    for name in ("content-length", "content-type", "content-disposition"):
        assert head.headers[name] == get.headers[name]


def test_the_best_quality_decides(client: httpx.Client) -> None:
    related = 'multipart/related; type="application/dicom"'
    path = f"/studies/{STUDY}/series/{STUDY}.1"

    zipped = client.get(path, headers={"Accept": f"{related};q=0.5, application/zip;q=0.8"})
    parts = client.get(path, headers={"Accept": f"{related}, application/zip;q=0.8"})

    assert zipped.headers["content-type"] == "application/zip"
    assert parts.headers["content-type"].startswith("multipart/related")


def test_an_unknown_study_is_404(client: httpx.Client) -> None:
    assert client.get(f"/studies/{ROOT}.404", headers=ZIP).status_code == 404


@pytest.mark.parametrize("prefix", ["/v1", "/v2"])
def test_the_strict_surfaces_offer_none(served: ServedDicomWeb, prefix: str) -> None:
    response = httpx.get(f"{served.url}{prefix}/studies/{STUDY}", headers=ZIP)

    assert response.status_code == 406


def test_more_instances_than_allowed_are_413(served: ServedDicomWeb, client: httpx.Client) -> None:
    study = f"{ROOT}.7"
    uids = [f"{study}.1.{number}" for number in range(7)]
    served.keep_at_once(
        *(
            an_image(
                1, 1, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=uid
            )
            for uid in uids
        )
    )

    response = client.get(f"/studies/{study}", headers=ZIP)

    assert response.status_code == 413
    assert "retrieve.zip_instances" in response.text


def test_an_object_that_is_missing_breaks_the_archive_off(
    served: ServedDicomWeb, client: httpx.Client
) -> None:
    study = f"{ROOT}.9"
    uids = [f"{study}.1.{number}" for number in range(3)]
    served.keep(
        *(
            an_image(
                1, 1, StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", SOPInstanceUID=uid
            )
            for uid in uids
        )
    )
    plan = served.run(served.archive.index.instances(Scope(StudyInstanceUID(study)), 0, 9))
    served.run(served.archive.objects.delete(plan[2].object_key))

    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"/studies/{study}", headers=ZIP)
    served.run(served.archive.objects.delete(plan[0].object_key))
    assert client.get(f"/studies/{study}", headers=ZIP).status_code == 500


def test_a_client_that_goes_away_stops_the_reading(served: ServedDicomWeb) -> None:
    study = f"{ROOT}.11"
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    large = {"PixelData": bytes(LARGE), "Rows": 2048, "Columns": 3072}
    for number in range(6):
        served.keep(an_image(1, number, **uids, SOPInstanceUID=f"{study}.1.{number}", **large))
    target = f"/dicom-web/studies/{study}"
    request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/zip\r\n\r\n"

    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(request.encode())
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")

    async def until_idle() -> None:
        while any("run_asgi" in repr(task.get_coro()) for task in asyncio.all_tasks()):
            await served.archive.index.ping()

    served.run(asyncio.wait_for(until_idle(), 20))
