"""What the use cases do over a bucket is what they do over a disk."""

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from hilum.adapters.storage.remote.options import S3Access
from hilum.domain.identifiers import (
    ObjectKey,
    Scope,
    SeriesInstanceUID,
    SOPInstanceUID,
    StudyInstanceUID,
)
from tests.buckets import Bucket, an_s3_bucket
from tests.instances import SERIES, STUDY, a_dataset, part10
from tests.served_dicomweb import ServedDicomWeb

_UID = f"{SERIES}.77"
_SCOPE = Scope(StudyInstanceUID(STUDY), SeriesInstanceUID(SERIES), SOPInstanceUID(_UID))
_PATH = f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/{_UID}"


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    return an_s3_bucket(tmp_path)


@pytest.fixture
def served(bucket: Bucket, tmp_path: Path) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path / "data", **_settings(bucket)) as server:
        yield server


def _settings(bucket: Bucket) -> dict[str, object]:
    s3 = bucket.access
    assert isinstance(s3, S3Access)
    return {
        "storage": {
            "url": str(bucket.location),
            "s3": {
                "endpoint": s3.endpoint,
                "region": "us-east-1",
                "access_key_id": s3.access_key_id,
                "secret_access_key_file": s3.secret_access_key_file,
            },
            "remote": {"chunk_bytes": 65_536},
        },
        "retrieve": {"whole_object_bytes": 1000},
        "deletion": {"delay_seconds": 0, "poll_seconds": 0.1},
    }


def _given(served: ServedDicomWeb, syntax: str = "*") -> bytes:
    with served.client(f"application/dicom; transfer-syntax={syntax}") as client:
        answer = client.get(_PATH)
    assert answer.status_code == 200, answer.text
    return answer.content


def _stored(served: ServedDicomWeb) -> list[tuple[ObjectKey, int]]:
    async def listed() -> list[tuple[ObjectKey, int]]:
        return [(each.key, each.size_bytes) async for each in served.archive.objects.list()]

    return served.run(listed())


def test_an_object_that_was_lost_is_healed_by_the_same_bytes(served: ServedDicomWeb) -> None:
    data = part10(a_dataset(SOPInstanceUID=_UID, PixelData=b"x" * 500_000))
    served.keep(data)
    ((key, _),) = _stored(served)
    served.run(served.archive.objects.delete(key))

    served.keep(data)

    assert _given(served) == data
    assert _stored(served) == [(key, len(data))]


def test_large_instances_stream_and_are_converted(served: ServedDicomWeb) -> None:
    pixels = bytes(range(256)) * 4000
    data = part10(
        a_dataset(SOPInstanceUID=_UID, Rows=1000, Columns=1024, PixelData=pixels),
        ImplicitVRLittleEndian,
    )
    served.keep(data)

    stored, converted = _given(served), _given(served, ExplicitVRLittleEndian)

    assert stored == data
    read = pydicom.dcmread(io.BytesIO(converted))
    assert read.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert read.PixelData == pixels


def test_the_space_of_former_versions_and_of_deleted_instances_is_freed(
    served: ServedDicomWeb,
) -> None:
    first = part10(a_dataset(SOPInstanceUID=_UID, PatientID="P-1"))
    second = part10(a_dataset(SOPInstanceUID=_UID, PatientID="P-2"))
    served.keep(first)
    served.keep(second, new_versions=True)
    served.run(_until_there_are(1, served))
    assert _given(served) == second

    served.delete(_SCOPE)

    served.run(_until_there_are(0, served))


async def _until_there_are(wanted: int, served: ServedDicomWeb) -> None:
    async with asyncio.timeout(30):
        while len([each async for each in served.archive.objects.list()]) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def test_what_is_wrong_with_held_instances_is_told(served: ServedDicomWeb) -> None:
    pixels = b"x" * 500_000
    served.keep(
        part10(a_dataset(SOPInstanceUID=_UID, PixelData=pixels)),
        part10(a_dataset(SOPInstanceUID=f"{_UID}.1", PixelData=pixels)),
    )
    lost = next(key for key, _ in _stored(served) if f"{_UID}.1." in key)
    served.run(served.archive.objects.delete(lost))

    with served.client("application/json") as client:
        answer = client.get(f"/api/v1/studies/{STUDY}/findings")

    told = {
        row["sop_instance"]: {finding["code"] for finding in row["findings"]}
        for row in answer.json()["files"]
    }
    assert set(told) == {_UID, f"{_UID}.1"}
    assert "pixel-length" in told[_UID]
    assert told[f"{_UID}.1"] == {"file-unreadable"}
