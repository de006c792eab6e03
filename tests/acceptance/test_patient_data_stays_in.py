"""Planted names in data sets, queries and paths: no log line, metric or error body shows them."""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.instances import an_instance
from tests.peers.dcmtk import dcmsend, needs_dcmtk
from tests.phi import PATIENT, assert_no_patient
from tests.served import ServedHilum

_SURFACES = ("/dicom-web", "/v1", "/v2")
_JSON = {"Accept": "application/dicom+json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHilum]:
    folder = tmp_path_factory.mktemp("phi")
    with ServedHilum(
        folder, dimse=True, HILUM_LOGGING__LEVEL="debug", HILUM_LOGGING__FORMAT="json"
    ) as started:
        yield started


def _planted(**changes: object) -> bytes:
    """A Part 10 file that names the planted patient wherever it can, changed by keyword."""
    named = {
        "PatientName": PATIENT.patient_name,
        "PatientID": PATIENT.patient_id,
        "PatientBirthDate": PATIENT.birth_date,
        "AccessionNumber": PATIENT.accession_number,
        "ReferringPhysicianName": PATIENT.patient_name,
        "StudyDescription": PATIENT.comment,
        "PatientComments": PATIENT.comment,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom tells of values that are wrong on purpose
        return an_instance(**(named | changes))


def _bodies() -> dict[str, bytes]:
    good = _planted(SOPInstanceUID="1.2.3.1")
    return {
        "kept": good,
        "kept twice": good,
        "in conflict": _planted(SOPInstanceUID="1.2.3.1", PatientComments="other"),
        "with values that break their VR": _planted(
            SOPInstanceUID="1.2.3.2", PatientBirthDate=PATIENT.comment, StudyDate=PATIENT.comment
        ),
        "with a name for a UID": _planted(SOPInstanceUID=PATIENT.given_name),
        "cut in the middle": good[:-40],
        "no DICOM at all": PATIENT.patient_name.encode() * 40,
    }


def test_answers_to_stores_that_go_wrong_do_not_repeat_values(server: ServedHilum) -> None:
    headers = _JSON | {"Content-Type": "application/dicom"}
    for surface in _SURFACES:
        for what, body in _bodies().items():
            answer = requests.post(
                f"{server.url}{surface}/studies", data=body, headers=headers, timeout=30
            )

            assert answer.status_code < 500
            assert_no_patient(answer.content, f"the answer of {surface} to an instance {what}")


def test_answers_to_requests_that_go_wrong_do_not_repeat_values(server: ServedHilum) -> None:
    name = quote(PATIENT.patient_name)
    paths = [
        f"/studies?PatientName={name}&Nonsense={name}",
        f"/studies?StudyDate={name}",
        f"/studies?limit={name}",
        f"/studies?includefield={name}",
        f"/studies/{name}",
        f"/studies/1.2.3/series/{name}/metadata",
        f"/{name}",
    ]
    for surface in _SURFACES:
        for path in paths:
            answer = requests.get(f"{server.url}{surface}{path}", headers=_JSON, timeout=30)

            assert 400 <= answer.status_code < 500, path
            assert_no_patient(answer.content, f"the answer to {surface}{path}")


def test_what_becomes_of_uploads_does_not_repeat_values(server: ServedHilum) -> None:
    """The names of files are shown to who may see the upload, and nowhere else."""
    for what, body in _bodies().items():
        for more in ({}, {"good": (f"{PATIENT.given_name}.dcm", _planted())}):
            files = {"file": (f"{PATIENT.patient_name}.dcm", body), **more}
            answer = requests.post(f"{server.url}/upload", files=files, timeout=30)
            assert answer.status_code in {202, 422}
            assert_no_patient(answer.content, f"the answer to an upload {what}")
            if answer.status_code == 202:
                _assert_status_without_names(server.url + answer.json()["status_url"], what)


def _assert_status_without_names(url: str, what: str) -> None:
    with requests.get(f"{url}/events", stream=True, timeout=60) as stream:
        assert stream.content, "events were told until nothing happened any more"
    listed = requests.get(f"{url}/files", timeout=30).json()["files"]
    assert listed
    for file in listed:
        assert file.pop("name")
        assert_no_patient(json.dumps(file), f"what was found in an upload {what}")
    assert_no_patient(
        json.dumps(requests.get(url, timeout=30).json()["history"]), f"a history {what}"
    )


@needs_dcmtk()
def test_dimse_comments_do_not_repeat_values(server: ServedHilum, tmp_path: Path) -> None:
    for number, body in enumerate(_bodies().values()):
        (tmp_path / f"{number}.dcm").write_bytes(body)

    report = dcmsend(server.dimse_port, sorted(tmp_path.iterdir()))

    assert report.statuses, "nothing was sent: nothing was proved"


def test_logs_and_metrics_show_nobody_after_all_of_this(server: ServedHilum) -> None:
    name = quote(PATIENT.patient_name)
    for surface in _SURFACES:
        found = requests.get(
            f"{server.url}{surface}/studies?PatientName={name}", headers=_JSON, timeout=30
        )
        assert found.status_code == 200, "the planted patient is held: the names went in"

    metrics = requests.get(f"{server.url}/metrics", timeout=30).content
    landing = requests.get(f"{server.url}/", timeout=30).content

    assert "http_request" in server.log_text
    assert_no_patient(server.log_text, "the log")
    assert_no_patient(metrics, "the metrics")
    assert_no_patient(landing, "the landing page")
