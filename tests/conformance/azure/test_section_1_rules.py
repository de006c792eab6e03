"""What holds for all routes of the Azure DICOM service: sections 1.1 and 1.4 to 1.6."""

import time
from collections.abc import Iterator

import httpx
import pytest
from dicomweb_client.api import DICOMwebClient

from tests.instances import a_dataset, a_multipart, an_instance, part10
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.1"
DICOM = {"Content-Type": "application/dicom"}
MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
VERSIONS = ("/v1", "/v2")
ALL = (*VERSIONS, "/v1.0-prerelease")
HELD = {"StudyInstanceUID": f"{ROOT}.1", "SeriesInstanceUID": f"{ROOT}.1.1"}
STUDY = f"/studies/{ROOT}.1"
INSTANCE = f"{STUDY}/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"
NOBODY = f"{ROOT}.999"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    limits = {"part_bytes": 20_000, "request_bytes": 30_000}
    with ServedDicomWeb(tmp_path_factory.mktemp("rules"), stow=limits) as server:
        image = a_dataset(
            **HELD,
            SOPInstanceUID=f"{ROOT}.1.1.1",
            PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
            SpecificCharacterSet="ISO_IR 192",
            SeriesNumber=7,
            PatientWeight="70.5",
            EncapsulatedDocument=bytes(2000),
        )
        image["EncapsulatedDocument"].VR = "OB"
        server.keep(part10(image))
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(params=ALL)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=VERSIONS)
def surface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.azure("1.1-prefixes")
def test_without_a_version_or_with_an_unknown_one_there_is_nothing(client: httpx.Client) -> None:
    for method in ("GET", "POST", "DELETE"):
        for path in ("/studies", STUDY, "/changefeed", "/v3/studies", "/v1.0/studies"):
            assert client.request(method, path).status_code == 404


@pytest.mark.azure("1.1-prefixes")
def test_the_prerelease_is_another_name_of_v1_and_urls_keep_it(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    base = f"{server.url}/v1.0-prerelease"
    stored = client.post(
        f"{base}/studies",
        content=an_instance(StudyInstanceUID=f"{ROOT}.2", SOPInstanceUID=f"{ROOT}.2.1"),
        headers=DICOM,
    )

    [item] = stored.json()["00081199"]["Value"]
    assert item["00081190"]["Value"][0].startswith(f"{base}/studies/{ROOT}.2/")
    assert client.get(item["00081190"]["Value"][0] + "/metadata").status_code == 200
    [found] = DICOMwebClient(base).search_for_studies(
        search_filters={"StudyInstanceUID": f"{ROOT}.2"}
    )
    assert "00081030" not in item, "v1 tells nothing of attributes"
    assert found["0020000D"]["Value"] == [f"{ROOT}.2"]
    assert client.delete(f"{base}/studies/{ROOT}.2").status_code == 204
    assert client.get(f"/v1/studies/{ROOT}.2/metadata").status_code == 404


@pytest.mark.azure("1.1-version-headers")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/studies", 200),
        ("GET", f"/studies/{NOBODY}/metadata", 404),
        ("GET", "/nothing", 404),
        ("GET", "/studies/x/metadata", 400),
        ("PATCH", "/studies", 405),
        ("OPTIONS", "/studies", 204),
    ],
)
def test_every_answer_says_which_versions_there_are(
    client: httpx.Client, version: str, method: str, path: str, status: int
) -> None:
    answer = client.request(method, version + path)

    assert answer.status_code == status
    assert answer.headers["api-supported-versions"] == "1, 2"
    assert answer.headers["api-deprecated-versions"] == "1.0-prerelease"
    assert "api-supported-versions" not in client.get("/dicom-web/studies").headers


@pytest.mark.azure("1.1-health")
def test_health_has_no_version_in_its_path(client: httpx.Client) -> None:
    assert client.get("/health/check").status_code == 200
    assert client.get("/v2/health/check").status_code == 404


@pytest.mark.azure("1.1-stow-validation", "1.1-stow-202", "1.1-stow-failed-attributes")
@pytest.mark.parametrize(("prefix", "status"), [("/v1", 409), ("/v2", 202)])
def test_an_invalid_attribute_refuses_the_instance_on_v1_and_warns_on_v2(
    client: httpx.Client, prefix: str, status: int
) -> None:
    uids = {"StudyInstanceUID": f"{ROOT}.3", "SOPInstanceUID": f"{ROOT}.3.1"}
    image = part10(a_dataset(**uids, StudyDate="20230101")).replace(b"20230101", b"2023ABCD")

    answer = client.post(f"{prefix}/studies", content=image, headers=DICOM)

    assert answer.status_code == status
    if prefix == "/v1":
        [item] = answer.json()["00081198"]["Value"]
        assert item["00081197"]["Value"] == [43264]
    else:
        [item] = answer.json()["00081199"]["Value"]
        assert len(item["00741048"]["Value"]) == 1
        assert client.delete(f"/v2/studies/{ROOT}.3").status_code == 204


@pytest.mark.azure("1.1-patient-id")
@pytest.mark.parametrize(("prefix", "status"), [("/v1", 409), ("/v2", 202)])
def test_an_empty_patient_id_is_taken_on_v2_only(
    client: httpx.Client, prefix: str, status: int
) -> None:
    image = an_instance(StudyInstanceUID=f"{ROOT}.4", SOPInstanceUID=f"{ROOT}.4.1", PatientID="")

    answer = client.post(f"{prefix}/studies", content=image, headers=DICOM)

    assert answer.status_code == status
    if status == 202:
        assert client.delete(f"/v2/studies/{ROOT}.4").status_code == 204


@pytest.mark.azure("1.1-qido-returned")
def test_v1_returns_more_by_default_than_v2(client: httpx.Client) -> None:
    [long], [short] = (
        client.get(f"{prefix}/instances", params={"StudyInstanceUID": f"{ROOT}.1"}).json()
        for prefix in VERSIONS
    )

    assert long.keys() > short.keys()


@pytest.mark.azure("1.1-changefeed")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/changefeed?limit=100", 200),
        ("/v1/changefeed?limit=101", 400),
        ("/v2/changefeed?limit=200", 200),
        ("/v2/changefeed?limit=201", 400),
    ],
)
def test_pages_of_the_change_feed_are_longer_on_v2(
    client: httpx.Client, path: str, status: int
) -> None:
    assert client.get(path).status_code == status


@pytest.mark.azure("1.1-bulk-update")
def test_bulk_update_is_there_on_v2_only(client: httpx.Client) -> None:
    bodies = [client.post(f"{prefix}/studies/$bulkUpdate", json={}) for prefix in VERSIONS]

    assert [answer.status_code for answer in bodies] == [404, 400]


@pytest.mark.azure("1.1-put")
@pytest.mark.parametrize("path", ["/studies", STUDY])
def test_put_replaces_on_every_version(client: httpx.Client, version: str, path: str) -> None:
    image = an_instance(**HELD, SOPInstanceUID=f"{ROOT}.1.1.2", ImageComments=version + path)

    answer = client.put(version + path, content=image, headers=DICOM)

    assert answer.status_code in {200, 202}, answer.text
    [told] = client.get(
        f"{version}{STUDY}/series/{ROOT}.1.1/instances/{ROOT}.1.1.2/metadata"
    ).json()
    assert told["00204000"]["Value"] == [version + path]
    client.delete(f"{version}{STUDY}/series/{ROOT}.1.1/instances/{ROOT}.1.1.2")


@pytest.mark.azure("1.4-dicom-json", "1.4-numbers", "1.4-bulk")
def test_data_sets_are_dicom_json_with_numbers_and_without_bulk_data(
    client: httpx.Client, version: str
) -> None:
    answer = client.get(f"{version}{INSTANCE}/metadata")

    assert answer.headers["content-type"] == "application/dicom+json"
    [told] = answer.json()
    assert all(len(key) == 8 and key == key.upper() for key in told)
    assert told["00100010"] == {
        "vr": "PN",
        "Value": [
            {
                "Alphabetic": "Yamada^Tarou",
                "Ideographic": "山田^太郎",
                "Phonetic": "やまだ^たろう",
            }
        ],
    }
    assert told["00200011"] == {"vr": "IS", "Value": [7]}
    assert told["00101030"] == {"vr": "DS", "Value": [70.5]}
    assert "00420011" not in told
    assert "BulkDataURI" not in answer.text


@pytest.mark.azure("1.4-numbers")
def test_a_number_that_is_none_stays_a_text(server: ServedDicomWeb, client: httpx.Client) -> None:
    uids = {"StudyInstanceUID": f"{ROOT}.6", "SeriesInstanceUID": f"{ROOT}.6.1"}
    image = a_dataset(**uids, SOPInstanceUID=f"{ROOT}.6.1.1", SeriesNumber=123)
    server.keep(part10(image).replace(b"IS\x04\x00123 ", b"IS\x04\x0012x "))

    [told] = client.get(f"/v1/studies/{ROOT}.6/metadata").json()

    assert told["00200011"] == {"vr": "IS", "Value": ["12x"]}


@pytest.mark.azure("1.4-camel-case", "1.4-enums")
def test_other_json_has_names_in_camel_case_and_no_nulls(
    client: httpx.Client, surface: str
) -> None:
    [entry] = client.get(f"{surface}/changefeed", params={"limit": 1}).json()

    assert (entry["action"], entry["state"]) == ("Create", "Current")
    assert {"studyInstanceUid", "sopInstanceUid", "sequence", "timestamp"} <= entry.keys()
    assert None not in entry.values()


@pytest.mark.azure("1.4-tolerant", "1.4-camel-case")
def test_json_is_read_without_case_with_comments_and_trailing_commas(
    client: httpx.Client, surface: str
) -> None:
    keyword = {"/v1": "PatientAge", "/v2": "PatientSize"}[surface]
    body = f"""[ // what is to be searched for
        {{"Path": "{keyword}", "LEVEL": "sTuDy", /* no vr */ }},
    ]"""

    answer = client.post(
        f"{surface}/extendedquerytags",
        content=body,
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 202, answer.text
    assert set(answer.json()) == {"id", "href"}
    told = client.get(f"{surface}/extendedquerytags/{keyword}").json()
    assert told["level"].lower() == "study"
    while client.get(answer.json()["href"]).status_code == 202:
        time.sleep(0.01)


@pytest.mark.azure("1.4-workitem-errors")
def test_errors_of_work_items_are_a_json_text(client: httpx.Client, surface: str) -> None:
    answer = client.get(f"{surface}/workitems/{NOBODY}")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json(), str)


@pytest.mark.azure("1.4-errors", "1.5-url", "1.6-400-argument")
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/studies/{}"), ("GET", "/studies/{}/metadata"), ("DELETE", "/studies/{}")],
)
def test_a_uid_that_is_none_is_400_as_plain_text(
    client: httpx.Client, surface: str, method: str, path: str
) -> None:
    accept = {"Accept": "*/*, application/dicom+json"}
    for uid in ("1.2.", "a", "1" * 65, "1.2 3", "%20", "1.2.x", "-1", "1.2\u0661"):
        answer = client.request(method, surface + path.format(uid), headers=accept)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.azure("1.5-rule", "1.5-spaces", "1.5-nul")
@pytest.mark.parametrize("uid", [f"{ROOT}.1", f"{ROOT}.1%20", f"{ROOT}.1%20%20", f"{ROOT}.1%00"])
def test_padding_of_a_uid_in_a_path_does_not_count(
    client: httpx.Client, surface: str, uid: str
) -> None:
    assert client.get(f"{surface}/studies/{uid}/metadata").status_code == 200


@pytest.mark.azure("1.5-rule", "1.5-spaces", "1.6-409")
@pytest.mark.parametrize("padding", [b"\0", b" "])
def test_a_duplicate_with_other_padding_is_a_conflict(
    client: httpx.Client, surface: str, padding: bytes
) -> None:
    study = f"{ROOT}.05.{VERSIONS.index(surface)}{padding[0]}"
    study += "1" * (len(study) + 1 & 1)
    plain = an_instance(StudyInstanceUID=study, SOPInstanceUID=f"{study}.11", ImageComments="a")
    padded = plain.replace(f"{study}\0".encode(), study.encode() + padding)

    first = client.post(f"{surface}/studies", content=plain, headers=DICOM)
    again = client.post(f"{surface}/studies", content=padded, headers=DICOM)

    assert (first.status_code, again.status_code) == (200, 409), first.text + again.text
    [failed] = again.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [45070]
    client.delete(f"{surface}/studies/{study}")


@pytest.mark.azure("1.6-400-angle")
@pytest.mark.parametrize("path", ["/studies", f"{STUDY}/metadata", "/changefeed", INSTANCE])
def test_an_angle_bracket_in_a_query_string_is_refused_everywhere(
    client: httpx.Client, version: str, path: str
) -> None:
    for query in ("a=<", "a=%3cb", "%3C=1", "PatientName=%3Cb%3E"):
        answer = client.get(f"{version}{path}?{query}")
        assert answer.status_code == 400
        assert "'<'" in answer.text
    assert client.get(f"/dicom-web{STUDY}/metadata?a=<").status_code == 200


@pytest.mark.azure("1.6-400-query")
@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/studies?limit=x", "limit"),
        ("/studies?offset=-1", "offset"),
        ("/studies?fuzzymatching=maybe", "fuzzymatching"),
        ("/changefeed?limit=x", "limit"),
        ("/changefeed?includeMetadata=maybe", "includeMetadata"),
    ],
)
def test_a_parameter_that_cannot_be_understood_is_named(
    client: httpx.Client, version: str, path: str, name: str
) -> None:
    answer = client.get(version + path)

    assert answer.status_code == 400
    assert name.lower() in answer.text.lower()


@pytest.mark.azure("1.6-400-argument")
@pytest.mark.parametrize("body", [b"", b"no boundary", b"--B\r\nno header end"])
def test_a_body_that_is_malformed_is_400_or_holds_nothing(
    client: httpx.Client, version: str, body: bytes
) -> None:
    answer = client.post(f"{version}/studies", content=body, headers=MULTIPART)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.azure("1.6-404")
@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (f"/studies/{NOBODY}", "application/dicom"),
        (f"/studies/{NOBODY}/metadata", "application/dicom+json"),
        (f"{STUDY}/series/{NOBODY}/metadata", "application/dicom+json"),
        (f"{STUDY}/series/{ROOT}.1.1/instances/{NOBODY}/metadata", "application/dicom+json"),
        (f"/studies/{NOBODY}/series/1.2/instances/1.3/frames/1", "application/octet-stream"),
        (f"/operations/{'0' * 32}", "application/json"),
    ],
)
def test_what_is_not_there_is_404(
    client: httpx.Client, version: str, path: str, accept: str
) -> None:
    if accept in {"application/dicom", "application/octet-stream"} and "frames" not in path:
        accept = 'multipart/related; type="application/dicom"'
    answer = client.get(version + path, headers={"Accept": accept})

    assert answer.status_code == 404
    assert client.delete(f"{version}/studies/{NOBODY}").status_code == 404


ACCEPTED = {
    None: False,
    "": False,
    "text/html": False,
    "application/json": False,
    "application/dicom+json, multipart/related; type=application/octet-stream": False,
    "application/dicom+json, nonsense": False,
    "*/*": True,
    "application/*": True,
    "text/html, application/dicom+json;q=0.1": True,
}


@pytest.mark.azure("1.6-accept-missing", "1.6-accept-parsed", "1.6-accept-covers", "1.6-406")
@pytest.mark.parametrize("path", ["/studies", f"{STUDY}/metadata"])
def test_accept_must_cover_dicom_json_and_every_element_must_be_one(
    client: httpx.Client, version: str, path: str
) -> None:
    for accept, is_taken in ACCEPTED.items():
        request = client.build_request("GET", version + path)
        del request.headers["accept"]
        if accept is not None:
            request.headers["accept"] = accept

        answer = client.send(request)

        assert answer.status_code == (200 if is_taken else 406), accept
        assert is_taken or answer.content == b""


@pytest.mark.azure("1.6-accept-first")
@pytest.mark.parametrize("path", ["/studies/x/metadata", "/studies/x/series"])
def test_accept_is_looked_at_before_the_uids(client: httpx.Client, version: str, path: str) -> None:
    assert client.get(version + path, headers={"Accept": "text/html"}).status_code == 406
    assert client.get(version + path).status_code == 400


@pytest.mark.azure("1.6-413")
def test_a_body_over_its_limit_is_413(client: httpx.Client, version: str) -> None:
    large = an_instance(40_000)

    for content, headers in ((large, DICOM), (a_multipart(large), MULTIPART)):
        answer = client.post(f"{version}/studies", content=content, headers=headers)
        assert answer.status_code == 413
        assert "setting stow." in answer.text


@pytest.mark.azure("1.6-415")
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/dicom+json"])
def test_a_content_type_that_is_not_taken_is_415(
    client: httpx.Client, version: str, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    assert client.post(f"{version}/studies", content=b"x", headers=headers).status_code == 415


@pytest.mark.azure("1.6-503")
def test_what_the_disk_has_no_room_for_is_503_with_a_time_to_come_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    full = {"storage": {"reserve_bytes": 1 << 60}}
    with (
        ServedDicomWeb(tmp_path_factory.mktemp("full"), **full) as server,
        server.client() as client,
    ):
        for prefix in ALL:
            answer = client.post(f"{prefix}/studies", content=an_instance(), headers=DICOM)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.azure("1.1-openapi")
def test_each_version_has_its_openapi_document(client: httpx.Client, version: str) -> None:
    answer = client.get(f"{version}/api.yaml", headers={"Accept": "*/*"})

    assert answer.status_code == 200
    assert answer.text.startswith("openapi: ")
