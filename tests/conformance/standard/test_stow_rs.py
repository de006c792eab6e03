"""STOW-RS after PS3.18 section 10.5, by dicomweb-client and by hand."""

from collections.abc import Iterator
from typing import Any

import httpx
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.uid import ImplicitVRLittleEndian

from hilum.domain.errors import ArchiveFull
from tests.conformance.multipart import parts
from tests.instances import (
    STUDY,
    a_dataset,
    a_multipart,
    an_instance,
    new_sop_instance_uid,
    part10,
)
from tests.native_model import read_model
from tests.served_stow import ServedStow

MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStow]:
    with ServedStow(tmp_path_factory.mktemp("stow")) as server:
        yield server


@pytest.fixture
def served(server: ServedStow) -> ServedStow:
    server.empty()
    return server


@pytest.fixture
def client(served: ServedStow) -> DICOMwebClient:
    return DICOMwebClient(f"{served.url}/dicom-web")


@pytest.fixture
def http(served: ServedStow) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{served.url}/dicom-web") as client:
        yield client


def datasets(count: int, **elements: Any) -> list[pydicom.Dataset]:
    made = [a_dataset(**elements) for _ in range(count)]
    for dataset in made:
        part10(dataset)
    return made


def reasons(response: httpx.Response, sequence: str = "00081198") -> list[int]:
    content = response.json()
    return [item["00081197"]["Value"][0] for item in content.get(sequence, {"Value": []})["Value"]]


def test_dicomweb_client_stores_instances(served: ServedStow, client: DICOMwebClient) -> None:
    sent = datasets(3)

    answer = client.store_instances(sent)

    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
        dataset.SOPInstanceUID for dataset in sent
    ]
    # This client leaves the port out of its Host header; the address has to be of use all the same.
    assert answer.RetrieveURL == f"{served.url}/dicom-web/studies/{STUDY}"
    assert "FailedSOPSequence" not in answer
    assert len(served.stored) == 3


def test_dicomweb_client_stores_instances_of_a_study_in_chunks(
    served: ServedStow,
) -> None:
    client = DICOMwebClient(f"{served.url}/dicom-web", chunk_size=10_000)
    sent = datasets(2, PixelData=bytes(50_000))

    answer = client.store_instances(sent, study_instance_uid=STUDY)

    assert len(answer.ReferencedSOPSequence) == 2
    assert sorted(len(each) > 50_000 for each in served.stored) == [True, True]


def test_dicomweb_client_hears_which_instances_failed(
    client: DICOMwebClient,
) -> None:
    mine, other = *datasets(1), *datasets(1, StudyInstanceUID=f"{STUDY}.9")

    answer = client.store_instances([mine, other], study_instance_uid=STUDY)

    [item] = answer.FailedSOPSequence
    assert item.ReferencedSOPInstanceUID == other.SOPInstanceUID
    assert item.FailureReason == 0xA901
    assert len(answer.ReferencedSOPSequence) == 1


def test_dicomweb_client_is_told_when_nothing_was_stored(client: DICOMwebClient) -> None:
    with pytest.raises(requests.HTTPError, match="409"):
        client.store_instances(datasets(1, StudyInstanceUID=None), study_instance_uid=STUDY)


def test_ohif_stores_without_an_accept_header(served: ServedStow) -> None:
    instance = an_instance()
    body = b"\r\n" + a_multipart(instance).removesuffix(b"\r\n")

    response = requests.post(
        f"{served.url}/dicom-web/studies", data=body, headers={**MULTIPART, "Accept": None}
    )

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/dicom+json"
    assert served.stored == [instance]


def test_who_asks_for_plain_json_gets_it_under_that_name(http: httpx.Client) -> None:
    headers = {"Content-Type": "application/dicom", "Accept": "application/json"}

    response = http.post("/studies", content=an_instance(), headers=headers)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"


def test_who_asks_for_xml_gets_the_same_data_set_as_xml(http: httpx.Client) -> None:
    body = a_multipart(an_instance(), b"no instance")
    related = 'multipart/related; type="application/dicom+xml"'

    as_json, as_xml, as_part = (
        http.post("/studies", content=body, headers={**MULTIPART, "Accept": accept})
        for accept in ("application/dicom+json", "application/dicom+xml", related)
    )

    assert (as_xml.status_code, as_part.status_code) == (202, 202)
    assert as_xml.headers["content-type"] == "application/dicom+xml"
    ((_, document),) = parts(as_part)
    assert read_model(document) == read_model(as_xml.content)
    held = as_json.json()["00081199"]["Value"][0]
    assert read_model(document)["00081199[1]/00081155"].content == held["00081155"]["Value"]


def test_an_answer_that_cannot_be_given_is_refused_with_the_reason(http: httpx.Client) -> None:
    headers = {**MULTIPART, "Accept": "application/xml"}

    response = http.post("/studies", content=a_multipart(an_instance()), headers=headers)

    assert response.status_code == 406
    assert "application/dicom+json" in response.text


def test_the_same_bytes_again_are_a_success_and_kept_once(
    served: ServedStow, http: httpx.Client
) -> None:
    body = a_multipart(an_instance())

    answers = [http.post("/studies", content=body, headers=MULTIPART) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert len(served.stored) == 1


def test_other_bytes_under_the_same_uids_fail_and_the_first_stay(
    served: ServedStow, http: httpx.Client
) -> None:
    uid = new_sop_instance_uid()
    first, second = (an_instance(SOPInstanceUID=uid, StudyID=text) for text in ("1", "2"))
    http.post("/studies", content=a_multipart(first), headers=MULTIPART)

    response = http.post("/studies", content=a_multipart(second), headers=MULTIPART)

    assert (response.status_code, reasons(response)) == (409, [0xB00E])
    assert served.stored == [first]


def test_parameters_of_the_content_type_are_let_through(http: httpx.Client) -> None:
    types = [
        "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
        'multipart/related; type="application/dicom"; boundary=B; start="<1>"',
    ]
    bodies = [an_instance(), a_multipart(an_instance())]

    answers = [
        http.post("/studies", content=body, headers={"Content-Type": content_type})
        for content_type, body in zip(types, bodies, strict=True)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]


def test_implicit_vr_is_an_ordinary_transfer_syntax(http: httpx.Client) -> None:
    body = a_multipart(part10(a_dataset(), ImplicitVRLittleEndian))

    response = http.post("/studies", content=body, headers=MULTIPART)

    assert response.status_code == 200
    assert "00081196" not in response.text


def test_values_that_break_their_vr_are_stored_with_a_warning(http: httpx.Client) -> None:
    bad = an_instance().replace(b"20240229", b"2024-2-9")

    response = http.post("/studies", content=a_multipart(bad), headers=MULTIPART)

    [item] = response.json()["00081199"]["Value"]
    assert response.status_code == 200
    assert item["00081196"]["Value"] == [0xB007]


def test_a_part_that_is_no_dicom_is_a_failure_of_no_instance(http: httpx.Client) -> None:
    body = a_multipart(b"no DICOM", an_instance())

    response = http.post("/studies", content=body, headers=MULTIPART)

    assert response.status_code == 202
    assert reasons(response) == []
    assert reasons(response, "0008119A") == [0xC000]


def test_there_is_no_put(http: httpx.Client) -> None:
    response = http.put("/studies", content=a_multipart(an_instance()), headers=MULTIPART)

    assert response.status_code == 405
    assert "It takes POST." in response.text


def test_a_full_archive_answers_503_for_all_and_a700_for_some(
    served: ServedStow, http: httpx.Client
) -> None:
    served.objects.fault = ArchiveFull("No space is left.")
    whole = http.post("/studies", content=a_multipart(an_instance()), headers=MULTIPART)
    some = http.post(
        "/studies",
        content=a_multipart(an_instance(), an_instance(PatientID=None, StudyInstanceUID=None)),
        headers=MULTIPART,
    )
    served.objects.fault = None

    assert whole.status_code == 503
    assert "retry-after" in whole.headers
    assert (some.status_code, reasons(some)) == (409, [0xA700, 0xA900])
