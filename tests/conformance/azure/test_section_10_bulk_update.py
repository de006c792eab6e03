"""Bulk update as the Azure DICOM service does it: section 10 of its description, and 3.6."""

import hashlib
import io
import itertools
import time
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import httpx
import pydicom
import pytest

from hilum.access import AccessScope
from hilum.access.api_keys import make_key
from hilum.domain.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from hilum.foundation.clock import SystemClock
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

_ROOT = "1.2.826.0.1.3680043.10.10"
_PATH = "/v2/studies/$bulkUpdate"
_ORIGINAL = {"msdicom-request-original": "true"}
_MULTIPART = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_PIXELS: dict[str, Any] = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
    "PixelData": b"\x07\x00",
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(
        tmp_path_factory.mktemp("update"),
        operations={"poll_seconds": 0.05},
    ) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def study(server: ServedDicomWeb) -> str:
    """A study of its own, with two series of two instances."""
    uid = f"{_ROOT}.{next(_numbers)}"
    server.keep(*[_an_image(uid, series, number) for series in (1, 2) for number in (1, 2)])
    return uid


def _an_image(study: str, series: int, number: int) -> bytes:
    return an_instance(
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.{series}",
        SOPInstanceUID=f"{study}.{series}.{number}",
        PatientName="Old^Name",
        PatientID=f"OLD-{study[-3:]}",
        **_PIXELS,
    )


def _name(text: str) -> dict[str, Any]:
    return {"00100010": {"vr": "PN", "Value": [{"Alphabetic": text}]}}


def _ask(client: httpx.Client, studies: list[str], dataset: dict[str, Any]) -> httpx.Response:
    body = {"studyInstanceUids": studies, "changeDataset": dataset}
    return client.post(_PATH, json=body)


def _ended(client: httpx.Client, asked: httpx.Response) -> dict[str, Any]:
    assert asked.status_code == 202, asked.text
    deadline = time.monotonic() + 30
    while (answer := client.get(asked.json()["href"])).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.02)
    told: dict[str, Any] = answer.json()
    return told


def _update(client: httpx.Client, studies: list[str], dataset: dict[str, Any]) -> dict[str, Any]:
    return _ended(client, _ask(client, studies, dataset))


def _file(client: httpx.Client, study: str, **headers: str) -> pydicom.FileDataset:
    path = f"/v2/studies/{study}/series/{study}.1/instances/{study}.1.1"
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    answer = client.get(path, headers=accept | headers).raise_for_status()
    return pydicom.dcmread(io.BytesIO(answer.content))


def _names(client: httpx.Client, path: str, **headers: str) -> set[str]:
    """Patients' names in what a retrieve or metadata gives."""
    if path.endswith("/metadata"):
        told = client.get(path, headers=headers).raise_for_status().json()
        return {each["00100010"]["Value"][0]["Alphabetic"] for each in told}
    answer = client.get(path, headers={"Accept": _MULTIPART} | headers).raise_for_status()
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + answer.content).get_payload()
    return {
        str(pydicom.dcmread(io.BytesIO(part.get_payload(decode=True))).PatientName)  # type: ignore[union-attr, arg-type]
        for part in parts
    }


@pytest.mark.azure("10-202", "10-body", "10-results", "10-metadata", "10-index")
def test_10_an_update_is_an_operation_that_changes_what_is_retrieved_and_found(
    client: httpx.Client, study: str
) -> None:
    change = _name("Neu^Müller") | {"00100020": {"vr": "LO", "Value": [f"NEW-{study}"]}}

    asked = _ask(client, [study], change)
    told = _ended(client, asked)

    assert "location" not in asked.headers
    assert set(asked.json()) == {"id", "href"}
    assert (told["type"], told["status"], told["percentComplete"]) == ("update", "succeeded", 100)
    assert told["results"] == {
        "studyProcessed": 1,
        "studyUpdated": 1,
        "studyFailed": 0,
        "instanceUpdated": 4,
    }
    assert _names(client, f"/v2/studies/{study}/metadata") == {"Neu^Müller"}
    (found,) = client.get("/v2/studies", params={"PatientID": f"NEW-{study}"}).json()
    assert found["0020000D"]["Value"] == [study]
    assert client.get("/v2/studies", params={"PatientID": f"OLD-{study[-3:]}"}).status_code == 204


@pytest.mark.azure("10-index")
def test_10_extended_query_tags_find_the_new_values(client: httpx.Client, study: str) -> None:
    tags = [{"path": "00102160", "level": "Study"}, {"path": "00102180", "level": "Instance"}]
    _ended(client, client.post("/v2/extendedquerytags", json=tags))
    for first, second in (("Old", "Former"), ("New", "Latter")):
        change = {
            "00102160": {"vr": "SH", "Value": [first]},
            "00102180": {"vr": "SH", "Value": [second]},
        }
        assert _update(client, [study], change)["status"] == "succeeded"

    def found(level: str, tag: str, value: str) -> int:
        answer = client.get(f"/v2/{level}", params={tag: value})
        return 0 if answer.status_code == 204 else len(answer.raise_for_status().json())

    assert [found("studies", "00102160", value) for value in ("Old", "New")] == [0, 1]
    assert [found("instances", "00102180", value) for value in ("Former", "Latter")] == [0, 4]


@pytest.mark.azure("10-implementation", "10-pixels", "10-original-kept", "3.6-two-versions")
def test_10_the_new_file_has_the_new_values_and_the_same_pixels(
    client: httpx.Client, study: str
) -> None:
    before = _file(client, study)
    _update(client, [study], _name("First^Change"))
    _update(client, [study], _name("Second^Change"))

    after, original = _file(client, study), _file(client, study, **_ORIGINAL)

    assert str(after.PatientName) == "Second^Change"
    assert str(original.PatientName) == "Old^Name"
    assert original == before
    assert original.file_meta == before.file_meta
    assert after.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert after.file_meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    digests = {hashlib.sha256(each.PixelData).digest() for each in (before, after, original)}
    assert len(digests) == 1
    changed = [e.tag for e in after if e.tag not in before or before[e.tag] != e]
    assert changed == [0x00100010]


@pytest.mark.azure("3.6-request-original")
@pytest.mark.parametrize("prefix", ["/v2", "/v1", "/dicom-web"])
def test_3_6_the_original_is_had_of_every_level_and_its_metadata(
    client: httpx.Client, study: str, prefix: str
) -> None:
    _update(client, [study], _name("New^Name"))
    series = f"{prefix}/studies/{study}/series/{study}.1"
    levels = (f"{prefix}/studies/{study}", series, f"{series}/instances/{study}.1.1")

    for path in (*levels, *(f"{each}/metadata" for each in levels)):
        assert _names(client, path) == {"New^Name"}, path
        assert _names(client, path, **_ORIGINAL) == {"Old^Name"}, path
        assert _names(client, path, **{"msdicom-request-original": "false"}) == {"New^Name"}


@pytest.mark.azure("3.6-ignored", "3.6-request-original")
def test_3_6_the_header_changes_nothing_where_there_is_no_original_or_no_choice(
    client: httpx.Client, study: str
) -> None:
    path = f"/v2/studies/{study}/metadata"
    assert _names(client, path, **_ORIGINAL) == {"Old^Name"}
    _update(client, [study], _name("New^Name"))

    (found,) = client.get(
        "/v2/studies", params={"StudyInstanceUID": study, "includefield": "all"}, headers=_ORIGINAL
    ).json()
    frames = f"/v2/studies/{study}/series/{study}.1/instances/{study}.1.1/frames/1"
    accept = {"Accept": "application/octet-stream; transfer-syntax=*"}

    assert found["00100010"]["Value"][0]["Alphabetic"] == "New^Name"
    latest = client.get(frames, headers=accept).raise_for_status()
    assert client.get(frames, headers=accept | _ORIGINAL).content == latest.content


@pytest.mark.azure("10-etag")
def test_10_etags_change_and_are_never_those_of_the_original(
    client: httpx.Client, study: str
) -> None:
    series = f"/v2/studies/{study}/series/{study}.1"
    paths = [
        f"{each}/metadata"
        for each in (f"/v2/studies/{study}", series, f"{series}/instances/{study}.1.1")
    ]
    before = [client.get(path).headers["etag"] for path in paths]
    _update(client, [study], _name("New^Name"))

    for path, former in zip(paths, before, strict=True):
        latest = client.get(path, headers={"If-None-Match": former})
        assert (latest.status_code, latest.headers["etag"] == former) == (200, False)
        tag = {"If-None-Match": latest.headers["etag"]}
        assert client.get(path, headers=tag).status_code == 304
        original = client.get(path, headers=tag | _ORIGINAL)
        assert original.status_code == 200
        assert original.json() != latest.json()


@pytest.mark.azure("10-feed", "7.3-update")
def test_10_each_instance_has_a_row_in_the_change_feed(client: httpx.Client, study: str) -> None:
    before = client.get("/v2/changefeed/latest").json()["sequence"]
    _update(client, [study], _name("New^Name"))

    feed = client.get("/v1/changefeed", params={"offset": before, "limit": 100}).json()

    assert [row["action"].lower() for row in feed] == ["update"] * 4
    assert {row["studyInstanceUid"] for row in feed} == {study}
    assert len({row["sopInstanceUid"] for row in feed}) == 4
    assert {row["state"].lower() for row in feed} == {"current"}


def test_10_what_has_the_values_already_is_not_written_again(
    client: httpx.Client, study: str
) -> None:
    _update(client, [study], _name("New^Name"))
    before = client.get("/v2/changefeed/latest").json()["sequence"]

    told = _update(client, [study], _name("New^Name"))

    assert told["results"]["instanceUpdated"] == 4
    assert client.get("/v2/changefeed/latest").json()["sequence"] == before


@pytest.mark.azure("10-unknown-study")
def test_10_a_study_that_is_not_held_is_no_failure(client: httpx.Client, study: str) -> None:
    told = _update(client, ["1.2.3.999", study], _name("New^Name"))

    assert told["status"] == "succeeded"
    assert told["results"] == {
        "studyProcessed": 2,
        "studyUpdated": 1,
        "studyFailed": 0,
        "instanceUpdated": 4,
    }


@pytest.mark.azure("10-failure", "10-results")
def test_10_a_study_that_fails_stays_as_it_was_and_the_others_are_updated(
    server: ServedDicomWeb, client: httpx.Client, study: str
) -> None:
    bad = f"{study}.7"
    images = [
        an_instance(
            StudyInstanceUID=bad,
            SeriesInstanceUID=f"{bad}.1",
            SOPInstanceUID=f"{bad}.1.{number}",
            PatientName="Old^Name",
            InstitutionName="Hxpital",
        ).replace(b"Hxpital", b"H\xf6pital")  # not in the default repertoire
        for number in range(1, 8)
    ]
    server.keep(*images, _an_image(bad, 2, 1))

    told = _update(client, [bad, study], _name("山田^太郎"))

    assert told["status"] == "failed"
    results = told["results"]
    assert (results["studyProcessed"], results["studyUpdated"], results["studyFailed"]) == (2, 1, 1)
    assert results["instanceUpdated"] == 4
    (error,) = results["errors"]
    first, *lines = error.splitlines()
    assert first == f"Failed to update instances for study {bad}"
    assert len(lines) == 5
    assert all("(0008,0080)" in line for line in lines)
    assert _names(client, f"/v2/studies/{bad}/metadata") == {"Old^Name"}
    told = client.get(f"/v2/studies/{study}/metadata").json()
    assert told[0]["00100010"]["Value"] == [{"Alphabetic": "山田^太郎"}]


@pytest.mark.azure("10-400-text", "10-uids")
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "studyInstanceUids"),
        ({"studyInstanceUids": [], "changeDataset": _name("x")}, "1 to 50"),
        ({"studyInstanceUids": ["1.2"] * 51, "changeDataset": _name("x")}, "1 to 50"),
        ({"studyInstanceUids": ["1.2.x"], "changeDataset": _name("x")}, "StudyInstanceUID"),
        ({"studyInstanceUids": ["1.2"]}, "changeDataset"),
        ({"studyInstanceUids": ["1.2"], "changeDataset": {}}, "changeDataset"),
        ({"studyInstanceUids": "1.2", "changeDataset": _name("x")}, "studyInstanceUids"),
        ([], "object"),
    ],
)
def test_10_a_request_that_is_wrong_is_refused_in_words(
    client: httpx.Client, body: Any, says: str
) -> None:
    answer = client.post(_PATH, json=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert says in answer.text


@pytest.mark.azure("10-400-dataset", "10-attributes", "10-null")
@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        ({"00080060": {"vr": "CS", "Value": ["CT"]}}, "(0008,0060) - "),
        ({"0020000D": {"vr": "UI", "Value": ["1.2"]}}, "(0020,000d) - "),
        ({"00091001": {"vr": "LO", "Value": ["x"]}}, "(0009,1001) - "),
        ({"PatientName": {"vr": "PN", "Value": [{"Alphabetic": "x"}]}}, "8 hexadecimal"),
        ({"00100010": {"vr": "LO", "Value": ["x"]}}, '"PN"'),
        ({"00100010": {"vr": "PN"}}, "required"),
        ({"00100010": {"vr": "PN", "Value": []}}, "required"),
        ({"00100010": {"vr": "PN", "Value": [{}]}}, "required"),
        ({"00100010": {"vr": "PN", "Value": ["x"]}}, "Alphabetic"),
        ({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "x" * 65}]}}, "64"),
        ({"00100020": {"vr": "LO", "Value": ["x" * 65]}}, "64"),
        ({"00100020": {"vr": "LO", "Value": ["a\\b"]}}, "backslash"),
        ({"00100020": {"vr": "LO", "Value": ["a", "b"]}}, "one value"),
        ({"00100030": {"vr": "DA", "Value": ["19701332"]}}, "YYYYMMDD"),
        ({"00101020": {"vr": "DS", "Value": ["tall"]}}, "decimal"),
        ({"00101030": {"vr": "DS", "InlineBinary": "AA=="}}, "InlineBinary"),
        ({"00100040": {"vr": "CS", "Value": ["männlich"]}}, "CS"),
    ],
)
def test_10_attributes_that_may_not_be_changed_so_are_told_as_a_data_set(
    client: httpx.Client, dataset: dict[str, Any], says: str
) -> None:
    answer = _ask(client, ["1.2.3"], dataset)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("application/dicom+json")
    (item,) = answer.json()["00741048"]["Value"]
    assert says in item["00000902"]["Value"][0]


@pytest.mark.azure("10-attributes")
def test_10_all_36_attributes_can_be_changed_at_once(client: httpx.Client, study: str) -> None:
    values: dict[str, Any] = {
        "AS": "042Y", "CS": "O", "DA": "19700131", "DS": 71.5, "TM": "120000",
        "PN": {"Alphabetic": "A^B", "Ideographic": "山田", "Phonetic": "やまだ"},
        "LO": "Straße 1", "SH": "kurz", "LT": "line\r\nline \\ ü",
    }  # fmt: skip
    tags = (
        "00100010 00100020 00100021 00100022 00100030 00100032 00100040 00100200 00101000 00101001 "
        "00101005 00101010 00101020 00101030 00101040 00101060 00101080 00101081 00101090 00102150 "
        "00102152 00102154 00102160 00102180 001021F0 00102201 00102292 00102295 00102297 00102298 "
        "00102299 00104000 00403001 00080050 00080090 00081030"
    ).split()
    dataset = {}
    for tag in tags:
        vr = pydicom.datadict.dictionary_VR(int(tag, 16))
        dataset[tag] = {"vr": vr, "Value": [values[vr]]}
    assert len(dataset) == 36

    told = _update(client, [study], dataset)

    assert told["status"] == "succeeded", told
    for each in client.get(f"/v2/studies/{study}/metadata").json():
        assert {tag: each[tag] for tag in tags} == dataset


@pytest.mark.azure("10-409")
def test_10_only_one_update_is_active_at_a_time(
    server: ServedDicomWeb, client: httpx.Client, study: str
) -> None:
    server.keep_at_once(*[_an_image(study, 3, number) for number in range(1, 200)])
    first = _ask(client, [study], _name("New^Name"))

    second = _ask(client, [study], _name("Other^Name"))

    assert second.status_code == 409
    assert second.headers["content-type"].startswith("text/plain")
    assert "location" not in second.headers
    assert first.json()["id"] in second.text
    assert _ended(client, first)["results"]["instanceUpdated"] == 203
    assert _names(client, f"/v2/studies/{study}/metadata") == {"New^Name"}


@pytest.mark.azure("10-404-v1")
@pytest.mark.parametrize("prefix", ["/v1", "/v1.0-prerelease"])
def test_10_v1_has_no_such_route(client: httpx.Client, prefix: str) -> None:
    body = {"studyInstanceUids": ["1.2"], "changeDataset": _name("x")}

    assert client.post(f"{prefix}/studies/$bulkUpdate", json=body).status_code == 404


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    """A server with data partitions that lets nobody in without credentials."""
    with ServedDicomWeb(
        tmp_path_factory.mktemp("guarded"),
        operations={"poll_seconds": 0.05},
        partitions={"enabled": True},
        security={"authentication": "required"},
    ) as server:
        yield server


def _key(server: ServedDicomWeb, *scopes: AccessScope) -> dict[str, str]:
    made = make_key("test", scopes, now=SystemClock().now())
    server.run(server.archive.index.keys.add(made.record))
    return {"Authorization": f"Bearer {made.text}"}


@pytest.mark.azure("10-partition", "10-401", "10-403")
def test_10_studies_are_those_of_the_partition_for_whoever_may_write(
    guarded: ServedDicomWeb,
) -> None:
    uid = f"{_ROOT}.1000"
    image, accept = _an_image(uid, 1, 1), {"Accept": "application/dicom+json"}
    body = {"studyInstanceUids": [uid], "changeDataset": _name("New^Name")}
    path = "/v2/partitions/one/studies/$bulkUpdate"
    with guarded.client() as client:
        assert client.post(path, json=body).status_code == 401
        reader = _key(guarded, AccessScope.READ)
        assert client.post(path, json=body, headers=reader).status_code == 403

        client.headers.update(_key(guarded, AccessScope.READ, AccessScope.WRITE))
        for name in ("one", "two"):
            stored = client.post(
                f"/v2/partitions/{name}/studies",
                content=image,
                headers={"Content-Type": "application/dicom"} | accept,
            )
            assert stored.status_code == 200
        told = _ended(client, client.post(path, json=body))

        assert told["results"]["instanceUpdated"] == 1
        names = [
            _names(client, f"/v2/partitions/{name}/studies/{uid}/metadata")
            for name in ("one", "two")
        ]
        assert names == [{"New^Name"}, {"Old^Name"}]
        assert client.post("/v2/studies/$bulkUpdate", json=body).status_code == 400
        unknown = client.post("/v2/partitions/other/studies/$bulkUpdate", json=body)
        assert unknown.status_code == 400
