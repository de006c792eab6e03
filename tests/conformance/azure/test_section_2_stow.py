"""STOW-RS as the Azure DICOM service does it: sections 1.5, 1.6 and 2 of its description."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import urllib3
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from hilum.domain.errors import ArchiveFull, ArchiveUnavailable
from tests.instances import (
    STUDY,
    a_dataset,
    a_multipart,
    an_instance,
    new_sop_instance_uid,
    part10,
)
from tests.served_stow import ServedStow

ACCEPT = {"Accept": "application/dicom+json"}
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
SINGLE = {"Content-Type": "application/dicom"}
VERSIONS = ("/v1", "/v2")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStow]:
    with ServedStow(tmp_path_factory.mktemp("stow")) as server:
        yield server


@pytest.fixture
def served(server: ServedStow) -> ServedStow:
    server.empty()
    return server


@pytest.fixture
def client(served: ServedStow) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, headers=ACCEPT) as client:
        yield client


def post(
    client: httpx.Client, version: str, *instances: bytes, study: str = "", method: str = "POST"
) -> httpx.Response:
    path = f"{version}/studies/{study}".rstrip("/")
    return client.request(method, path, content=a_multipart(*instances), headers=MULTIPART)


def items(response: httpx.Response, sequence: str) -> list[dict[str, Any]]:
    content: dict[str, Any] = response.json()
    found: list[dict[str, Any]] = content.get(sequence, {"Value": []})["Value"]
    return found


def failed(response: httpx.Response) -> list[int]:
    return [item["00081197"]["Value"][0] for item in items(response, "00081198")]


def stored(response: httpx.Response) -> list[str]:
    return [item["00081155"]["Value"][0] for item in items(response, "00081199")]


@pytest.mark.azure(
    "2.1-any-study", "2.1-multipart", "2.1-response-type", "2.1-byte-for-byte", "2.7-200"
)
@pytest.mark.parametrize("version", VERSIONS)
def test_2_1_a_multipart_body_is_stored_byte_for_byte_in_order(
    served: ServedStow, client: httpx.Client, version: str
) -> None:
    uids = [new_sop_instance_uid() for _ in range(5)]
    instances = [an_instance(100 * n, SOPInstanceUID=uid) for n, uid in enumerate(uids)]

    response = post(client, version, *instances)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/dicom+json"
    assert stored(response) == uids
    assert sorted(served.stored) == sorted(instances)


@pytest.mark.azure("2.1-single", "2.1-byte-for-byte")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_1_a_single_instance_is_stored_byte_for_byte(
    served: ServedStow, client: httpx.Client, version: str
) -> None:
    instance = an_instance(5000)

    response = client.post(f"{version}/studies", content=instance, headers=SINGLE)

    assert response.status_code == 200
    assert served.stored == [instance]


@pytest.mark.azure("2.1-one-study", "2.2-study-matches", "2.6-43264", "2.6-43265", "2.7-202")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_1_an_instance_must_belong_to_the_study_in_the_url(
    client: httpx.Client, version: str
) -> None:
    mine, other = an_instance(), an_instance(StudyInstanceUID=f"{STUDY}.9")

    response = post(client, version, mine, other, study=STUDY)

    assert response.status_code == 202
    assert failed(response) == [43264]
    assert len(stored(response)) == 1


@pytest.mark.azure("2.1-type-optional")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related; boundary=B",
        "multipart/related; boundary=B; type=application/dicom",
        'Multipart/Related; boundary="B"; type="application/dicom"',
    ],
)
def test_2_1_the_type_parameter_is_optional_and_quotation_marks_too(
    client: httpx.Client, version: str, content_type: str
) -> None:
    body = a_multipart(an_instance())

    response = client.post(
        f"{version}/studies", content=body, headers={"Content-Type": content_type}
    )

    assert response.status_code == 200


@pytest.mark.azure("2.1-part-inherits")
def test_2_1_a_first_part_without_content_type_inherits_the_root_type(
    client: httpx.Client,
) -> None:
    body = b"--B\r\n\r\n" + an_instance() + b"\r\n--B--"

    assert client.post("/v2/studies", content=body, headers=MULTIPART).status_code == 200
    other = {"Content-Type": 'multipart/related; type="application/json"; boundary=B'}
    assert client.post("/v2/studies", content=body, headers=other).status_code == 415


@pytest.mark.azure("2.1-content-disposition")
def test_2_1_parts_with_content_disposition_as_urllib3_writes_them_are_taken(
    client: httpx.Client,
) -> None:
    fields = {"one": ("one.dcm", an_instance(), "application/dicom")}
    body, content_type = urllib3.encode_multipart_formdata(fields)
    relabelled = content_type.replace("multipart/form-data", "multipart/related")

    response = client.post("/v2/studies", content=body, headers={"Content-Type": relabelled})

    assert response.status_code == 200


@pytest.mark.azure("2.1-single", "2.1-boundary", "2.1-start", "2.7-400", "2.7-415")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/form-data; boundary=B", 415),
        ("application/dicom+json", 415),
        ("application/dicom; transfer-syntax=1.2.840.10008.1.2.1", 415),
        ("multipart/related", 415),
        ('multipart/related; type="application/dicom"', 415),
        ("multipart/related; boundary=B; boundary=C", 415),
        ("multipart/related; boundary=B; start=<root>", 400),
    ],
)
def test_2_1_other_content_types_are_refused(
    served: ServedStow, client: httpx.Client, version: str, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    response = client.post(
        f"{version}/studies", content=a_multipart(an_instance()), headers=headers
    )

    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text
    assert served.stored == []


@pytest.mark.azure("2.1-part-type", "2.1-metadata-and-bulk", "2.7-415")
@pytest.mark.parametrize(
    "part", ["application/dicom+json", "application/octet-stream", "image/png"]
)
def test_2_1_a_part_of_another_type_is_refused_and_the_parts_before_it_stay(
    served: ServedStow, client: httpx.Client, part: str
) -> None:
    instance = an_instance()
    body = a_multipart(instance)[: -len("--B--\r\n")] + a_multipart(b"{}", content_type=part)

    response = client.post("/v2/studies", content=body, headers=MULTIPART)

    assert response.status_code == 415
    assert "Part 2" in response.text
    assert served.stored == [instance]


@pytest.mark.parametrize("name", ["Content-Transfer-Encoding: base64", "Content-Encoding: gzip"])
def test_2_1_an_encoded_part_is_refused(client: httpx.Client, name: str) -> None:
    body = f"--B\r\nContent-Type: application/dicom\r\n{name}\r\n\r\nx\r\n--B--".encode()

    assert client.post("/v2/studies", content=body, headers=MULTIPART).status_code == 415


def test_2_1_a_compressed_request_is_refused(client: httpx.Client) -> None:
    headers = {**SINGLE, "Content-Encoding": "gzip"}

    response = client.post("/v2/studies", content=b"\x1f\x8b", headers=headers)

    assert response.status_code == 415
    assert "Content-Encoding" in response.text


@pytest.mark.azure("2.1-put-upsert")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_1_put_replaces_what_is_held_and_never_conflicts(
    served: ServedStow, client: httpx.Client, version: str
) -> None:
    uid = new_sop_instance_uid()
    first, second = (an_instance(SOPInstanceUID=uid, StudyID=text) for text in ("1", "2"))

    answers = [
        post(client, version, first, method="PUT"),
        post(client, version, second, study=STUDY, method="PUT"),
        post(client, version, second, method="PUT"),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert served.stored == [second]


@pytest.mark.azure("2.2-uids", "2.2-patient-id-v1", "2.2-patient-id-v2-absent", "2.6-43264")
@pytest.mark.parametrize(
    ("version", "missing", "status", "reasons"),
    [
        ("/v1", "PatientID", 409, [43264]),
        ("/v2", "PatientID", 409, [43264]),
        ("/v1", "StudyInstanceUID", 409, [43264]),
        ("/v2", "SeriesInstanceUID", 409, [43264]),
        ("/v2", "SOPInstanceUID", 409, [43264]),
        ("/v1", "SOPClassUID", 409, [43264]),
        ("/v1", "Modality", 200, []),
        ("/v2", "Modality", 200, []),
    ],
)
def test_2_2_required_elements(
    client: httpx.Client, version: str, missing: str, status: int, reasons: list[int]
) -> None:
    response = post(client, version, an_instance(**{missing: None}))

    assert (response.status_code, failed(response)) == (status, reasons)


@pytest.mark.azure(
    "2.2-patient-id-v1",
    "2.2-patient-id-v2-empty",
    "2.4-missing-patient-id",
    "2.6-warning-1",
    "2.7-202",
)
def test_2_2_an_empty_patient_id_is_refused_by_v1_and_a_warning_in_v2(
    client: httpx.Client,
) -> None:
    v1, v2 = (post(client, version, an_instance(PatientID="")) for version in VERSIONS)

    assert (v1.status_code, failed(v1)) == (409, [43264])
    assert v2.status_code == 202
    [item] = items(v2, "00081199")
    assert item["00081196"]["Value"] == [1]
    [comment] = item["00741048"]["Value"]
    assert comment["00000902"]["Value"] == [
        "DICOM100: (0010,0020) - The required tag '(0010,0020)' is missing."
    ]


@pytest.mark.azure("2.2-triple", "2.6-45070", "2.7-202", "2.7-409")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_2_the_same_triple_again_is_a_conflict(client: httpx.Client, version: str) -> None:
    uid = new_sop_instance_uid()
    instance, other = (an_instance(SOPInstanceUID=uid, StudyID=text) for text in ("1", "2"))
    post(client, version, instance)

    again = post(client, version, instance)
    different = post(client, version, other)
    mixed = post(client, version, instance, an_instance())

    assert [(each.status_code, failed(each)) for each in (again, different, mixed)] == [
        (409, [45070]),
        (409, [45070]),
        (202, [45070]),
    ]


def test_2_2_a_uid_padded_with_blanks_is_the_same_uid(client: httpx.Client) -> None:
    uid = new_sop_instance_uid()
    plain, padded = a_dataset(SOPInstanceUID=uid), a_dataset(SOPInstanceUID=uid)
    data = part10(padded).replace(uid.encode() + b"\0", uid.encode() + b" ")
    post(client, "/v2", part10(plain))

    response = post(client, "/v2", data)

    assert (response.status_code, failed(response)) == (409, [45070])


def a_bad_study_date() -> bytes:
    return an_instance().replace(b"20240229", b"2024-2-9")


@pytest.mark.azure("2.3-v1-rules", "2.3-v2-stored", "2.6-warning-1", "2.7-202", "2.7-409")
def test_2_3_an_invalid_indexed_value_fails_in_v1_and_warns_in_v2(
    served: ServedStow, client: httpx.Client
) -> None:
    v1 = post(client, "/v1", a_bad_study_date())
    bad = a_bad_study_date()
    v2 = post(client, "/v2", bad)

    assert (v1.status_code, failed(v1)) == (409, [43264])
    assert v2.status_code == 202
    [item] = items(v2, "00081199")
    assert item["00081196"]["Value"] == [1]
    [comment] = item["00741048"]["Value"]
    assert comment["00000902"]["Value"][0].startswith("DICOM100: (0008,0020) - ")
    assert served.stored == [bad]


@pytest.mark.azure("2.3-multiple-values")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_3_several_values_in_an_indexed_element_give_a_warning_header(
    served: ServedStow, client: httpx.Client, version: str
) -> None:
    response = post(client, version, an_instance(AccessionNumber=["A1", "A2"]))

    host = served.url.removeprefix("http://")
    assert response.status_code == 200
    assert response.headers["warning"] == (
        f'299 {host}: "One or more indexed Dicom tag(s) have multiple values, only first value '
        'is indexed."'
    )


@pytest.mark.azure("2.3-implicit-vr", "2.6-warning-45063")
def test_2_3_implicit_vr_is_stored_with_a_warning(client: httpx.Client) -> None:
    v1, v2 = (
        post(client, version, part10(a_dataset(), ImplicitVRLittleEndian)) for version in VERSIONS
    )

    assert (v1.status_code, v2.status_code) == (200, 202)
    for response in (v1, v2):
        assert items(response, "00081199")[0]["00081196"]["Value"] == [45063]


@pytest.mark.azure("2.1-any-class")
def test_2_3_there_is_no_list_of_allowed_transfer_syntaxes(client: httpx.Client) -> None:
    assert post(client, "/v2", part10(a_dataset(), ExplicitVRBigEndian)).status_code == 200


@pytest.mark.azure("2.4-comment", "2.5-failed-item", "2.5-failed-attributes")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_4_a_failed_validation_names_the_element(client: httpx.Client, version: str) -> None:
    response = post(client, version, an_instance(PatientID=None))

    [item] = items(response, "00081198")
    [comment] = item["00741048"]["Value"]
    assert comment["00000902"]["vr"] == "LO"
    assert comment["00000902"]["Value"][0].startswith("DICOM100: (0010,0020) - ")


@pytest.mark.azure("2.5-study-url", "2.5-stored-item")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_5_urls_are_absolute_and_the_study_is_named_when_the_url_names_it(
    served: ServedStow, client: httpx.Client, version: str
) -> None:
    response = post(client, version, an_instance(), study=STUDY)

    study_url = f"{served.url}{version}/studies/{STUDY}"
    assert response.json()["00081190"] == {"vr": "UR", "Value": [study_url]}
    [item] = items(response, "00081199")
    assert item["00081190"]["Value"][0].startswith(f"{study_url}/series/")
    assert "00081190" not in post(client, version, an_instance()).json()


@pytest.mark.azure("2.5-unreadable", "2.6-272")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_5_an_unreadable_part_has_a_failure_reason_only(
    client: httpx.Client, version: str
) -> None:
    response = post(client, version, b"this is no DICOM data set", an_instance())

    assert response.status_code == 202
    assert items(response, "00081198") == [{"00081197": {"vr": "US", "Value": [272]}}]


@pytest.mark.azure("2.7-204")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_7_a_body_without_parts_stores_nothing_and_says_so(
    client: httpx.Client, version: str
) -> None:
    response = post(client, version)

    assert (response.status_code, response.content) == (204, b"")


@pytest.mark.azure("2.7-400")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The body is empty"),
        (b"no boundary here", "boundary"),
        (a_multipart(b"x")[:-9], "closing boundary is missing"),
    ],
)
def test_2_7_a_malformed_multipart_is_a_bad_request(
    client: httpx.Client, version: str, body: bytes, said: str
) -> None:
    response = client.post(f"{version}/studies", content=body, headers=MULTIPART)

    assert response.status_code == 400
    assert said in response.text


def test_2_7_parts_before_the_malformed_one_are_kept(
    served: ServedStow, client: httpx.Client
) -> None:
    instance = an_instance(10_000)
    body = a_multipart(instance, an_instance())[:-20]

    response = client.post("/v2/studies", content=body, headers=MULTIPART)

    assert response.status_code == 400
    assert served.stored == [instance]


@pytest.mark.azure("2.7-409", "2.6-272")
@pytest.mark.parametrize("version", VERSIONS)
def test_2_7_nothing_stored_and_all_failed_is_a_conflict(
    client: httpx.Client, version: str
) -> None:
    response = client.post(f"{version}/studies", content=b"", headers=SINGLE)

    assert (response.status_code, failed(response)) == (409, [272])


@pytest.mark.azure("2.7-400")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("study", ["abc", "1.2.", "1.2..x", "1" * 65])
def test_1_5_a_study_that_is_no_uid_is_a_bad_request(
    served: ServedStow, client: httpx.Client, version: str, study: str
) -> None:
    response = post(client, version, an_instance(), study=study)

    assert response.status_code == 400
    assert "StudyInstanceUID is not a valid UID" in response.text
    assert served.stored == []


def test_1_5_components_with_leading_zeros_are_taken(client: httpx.Client) -> None:
    instance = an_instance(StudyInstanceUID="1.02.003")

    assert post(client, "/v2", instance, study="1.02.003").status_code == 200


@pytest.mark.azure("2.7-406")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 406),
        ("", 406),
        ("application/json", 406),
        ("application/dicom+xml", 406),
        ("multipart/related; type=application/octet-stream, application/dicom+json", 406),
        ("application/dicom+json", 200),
        ("application/*", 200),
        ("*/*", 200),
        ("text/html, application/dicom+json;q=0.5", 200),
    ],
)
def test_1_6_the_accept_filter(
    served: ServedStow, version: str, accept: str | None, status: int
) -> None:
    session = requests.Session()
    session.headers.clear()
    headers = MULTIPART if accept is None else {**MULTIPART, "Accept": accept}

    response = session.post(
        f"{served.url}{version}/studies",
        data=a_multipart(an_instance()),
        headers={**headers, "Accept": accept},  # None leaves the header out
    )

    assert response.status_code == status
    if status == 406:
        assert response.content == b""
        assert served.stored == []


def test_1_6_the_accept_filter_runs_before_the_uid_is_looked_at(served: ServedStow) -> None:
    response = httpx.post(
        f"{served.url}/v2/studies/abc", headers={**MULTIPART, "Accept": "text/html"}
    )

    assert response.status_code == 406


@pytest.mark.azure("2.7-503")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("fault", [ArchiveFull("full"), ArchiveUnavailable("gone")])
def test_1_6_an_archive_that_can_keep_nothing_answers_503_and_heals_without_a_restart(
    served: ServedStow, client: httpx.Client, version: str, fault: ArchiveFull
) -> None:
    instance = an_instance()
    served.objects.fault = fault

    down = post(client, version, instance, an_instance())
    served.objects.fault = None
    up = post(client, version, instance)

    assert down.status_code == 503
    assert int(down.headers["retry-after"]) > 0
    assert down.text.startswith(str(fault))
    assert up.status_code == 200
    assert served.stored == [instance]
