"""Every file of pydicom and pydicom-data: kept or refused for the right reason, and returned."""

import io
from pathlib import Path

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.uid import UID

from tests.corpus import corpus, corpus_id, read_by_pydicom
from tests.served import ServedHilum

# Failure Reasons of PS3.18 table I.2-2.
_CANNOT_UNDERSTAND = 0xC000
_DATA_SET_NOT_VALID = 0xA900
_IDENTIFIERS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")

# Files that pydicom reads and we refuse, each with why.
_REFUSED_AS_UNREADABLE: dict[str, str] = {
    "MR_truncated.dcm": "its pixel data is shorter than the length it declares",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "it ends inside its last fragment",
    "rtplan_truncated.dcm": "it ends inside an element",
}


@pytest.fixture(scope="module")
def client(served: ServedHilum) -> DICOMwebClient:
    return DICOMwebClient(f"{served.url}/dicom-web")


@pytest.mark.parametrize("path", corpus(), ids=corpus_id)
def test_a_file_is_kept_and_returned_as_it_came_or_refused_with_its_reason(
    path: Path, client: DICOMwebClient, served: ServedHilum
) -> None:
    part10 = path.read_bytes()
    dataset = read_by_pydicom(part10)

    answer = _store(client, served, part10)

    if path.name in _REFUSED_AS_UNREADABLE:
        assert _failure_reason(answer) == _CANNOT_UNDERSTAND
        return
    if not _has_identifiers(dataset):
        assert _failure_reason(answer) in {_CANNOT_UNDERSTAND, _DATA_SET_NOT_VALID}
        return
    assert dataset is not None
    assert _failure_reason(answer) is None
    uids = [str(dataset.get(name)) for name in _IDENTIFIERS[1:]]
    sop_instance, study, series = uids
    found = client.search_for_instances(search_filters={"SOPInstanceUID": sop_instance})
    assert [_value(row, "00080018") for row in found] == [sop_instance]
    assert _retrieved(served, study, series, sop_instance) == part10
    client.delete_instance(study, series, sop_instance)
    assert client.search_for_instances(search_filters={"SOPInstanceUID": sop_instance}) == []


def test_what_dicomweb_client_encodes_itself_comes_back_equal(client: DICOMwebClient) -> None:
    paths = [path for path in corpus() if path.name in {"CT_small.dcm", "MR_small.dcm"}]
    for path in paths:
        dataset = read_by_pydicom(path.read_bytes())
        assert dataset is not None

        answer = client.store_instances([dataset])
        retrieved = client.retrieve_instance(
            dataset.StudyInstanceUID,
            dataset.SeriesInstanceUID,
            dataset.SOPInstanceUID,
            media_types=(("application/dicom", "*"),),
        )

        assert len(answer.ReferencedSOPSequence) == 1
        assert retrieved == dataset
        assert retrieved.file_meta.TransferSyntaxUID == dataset.file_meta.TransferSyntaxUID
        client.delete_study(dataset.StudyInstanceUID)


def _store(client: DICOMwebClient, served: ServedHilum, part10: bytes) -> Dataset:
    """Send the file's own bytes; dicomweb-client raises on 409, whose body says why."""
    try:
        return client._http_post_multipart_application_dicom(
            f"{served.url}/dicom-web/studies", [part10]
        )
    except requests.HTTPError as error:
        answer = error.response
    assert answer.status_code == 409
    return Dataset.from_json(answer.json())


def _failure_reason(answer: Dataset) -> int | None:
    """Why the one instance was refused; instances without name are failures of another sequence."""
    failures = answer.get("FailedSOPSequence") or answer.get("OtherFailuresSequence")
    return failures[0].FailureReason if failures else None


def _has_identifiers(dataset: Dataset | None) -> bool:
    """Tell whether an independent reader finds the four UIDs, each a valid one (PS3.5 9.1)."""
    if dataset is None:
        return False
    values = [dataset.get(name) for name in _IDENTIFIERS]
    return all(
        isinstance(value, UID) and value and len(value) <= 64 and set(value) <= set("0123456789.")
        for value in values
    )


def _value(row: dict[str, dict[str, list[str]]], tag: str) -> str:
    return row[tag]["Value"][0]


def _retrieved(served: ServedHilum, study: str, series: str, sop_instance: str) -> bytes:
    """Return the bytes of the single part, read without a parser of ours."""
    answer = requests.get(
        f"{served.url}/dicom-web/studies/{study}/series/{series}/instances/{sop_instance}",
        headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        timeout=60,
    )
    assert answer.status_code == 200
    head, _, rest = answer.content.partition(b"\r\n\r\n")
    boundary = head.lstrip(b"\r\n").split(b"\r\n")[0]
    body = io.BytesIO(rest).getvalue()
    return body[: body.rindex(b"\r\n" + boundary)]
