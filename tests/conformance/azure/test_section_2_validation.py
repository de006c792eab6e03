"""What is checked of stored values, what becomes of them, and what the feed tells: sections 2.2 to
2.8 of the description of the Azure DICOM service."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from tests.instances import a_dataset, a_multipart, part10
from tests.served_dicomweb import ServedDicomWeb

MULTIPART = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=B'}
ROOT = "1.2.826.0.1.3680043.10.23"
VERSIONS = ("/v1", "/v2")
_STUDIES = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("validation")) as server:
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture(autouse=True)
def _any_value_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


def a_new(**elements: Any) -> Dataset:
    """An instance of a study of its own."""
    study = f"{ROOT}.{next(_STUDIES)}"
    uids = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.1",
    }
    return a_dataset(**(uids | elements))


def post(
    client: httpx.Client, version: str, *instances: bytes, method: str = "POST"
) -> httpx.Response:
    body = a_multipart(*instances)
    return client.request(method, f"{version}/studies", content=body, headers=MULTIPART)


def url(version: str, dataset: Dataset) -> str:
    study = f"{version}/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
    return f"{study}/instances/{dataset.SOPInstanceUID}"


def metadata(client: httpx.Client, version: str, dataset: Dataset) -> dict[str, Any]:
    (found,) = client.get(f"{url(version, dataset)}/metadata").json()
    return dict(found)


def stored_item(response: httpx.Response) -> dict[str, Any]:
    (item,) = response.json()["00081199"]["Value"]
    return dict(item)


def comments(item: dict[str, Any]) -> list[str]:
    return [each["00000902"]["Value"][0] for each in item["00741048"].get("Value", ())]


def failures(response: httpx.Response) -> list[int]:
    items = response.json().get("00081198", {}).get("Value", ())
    return [item["00081197"]["Value"][0] for item in items]


@pytest.mark.azure("2.2-uids-nul")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_uid_that_ends_with_nul_is_valid(client: httpx.Client, version: str) -> None:
    dataset = a_new()
    dataset.SOPInstanceUID += "" if len(dataset.SOPInstanceUID) % 2 else "1"
    data = part10(dataset)
    assert dataset.SOPInstanceUID.encode() + b"\0" in data

    response = post(client, version, data)

    assert response.status_code == 200
    assert stored_item(response)["00081155"]["Value"] == [dataset.SOPInstanceUID]


@pytest.mark.azure("2.2-patient-id-v2-illegal", "2.5-failed-attributes")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_patient_id_with_a_control_character_is_refused(
    client: httpx.Client, version: str
) -> None:
    bad = part10(a_new(PatientID="P_1234")).replace(b"P_1234", b"P\x001234")
    padded = part10(a_new(PatientID="P_1234")).replace(b"P_1234", b"P_123\0")

    assert failures(post(client, version, bad)) == [43264]
    assert post(client, version, padded).status_code == 200


@pytest.mark.azure("2.3-v1-indexed-only")
def test_v1_looks_at_indexed_attributes_only_and_keeps_the_others_in_the_metadata(
    client: httpx.Client,
) -> None:
    dataset = a_new(PatientAge="54")

    response = post(client, "/v1", part10(dataset))

    assert response.status_code == 200
    assert "00081196" not in stored_item(response)
    assert metadata(client, "/v1", dataset)["00101010"]["Value"] == ["54"]


@pytest.mark.azure("2.3-v1-rules")
@pytest.mark.parametrize(
    ("keyword", "good", "bad"),
    [
        ("AccessionNumber", "A" * 16, "A" * 17),
        ("Modality", "lower case is so", "X" * 17),
        ("StudyDescription", "x" * 64, "x" * 65),
        ("StudyDescription", "an \x1b is no control", "a tab\tis one"),
        ("ManufacturerModelName", "fine", "x" * 65),
        ("PatientName", "^".join("abcde"), "^".join("abcdef")),
        ("PatientName", f"{'x' * 64}=y=z", "x" * 65),
        ("ReferringPhysicianName", "Doe^John", "Doe^\tJohn"),
        ("PatientBirthDate", "20240229", "20240230"),
        ("StudyDate", "20240229", "2024.02.29"),
        ("PerformedProcedureStepStartDate", "20240301", "20241301"),
        ("StudyInstanceUID", f"{ROOT}.01", f"{ROOT}.x"),
    ],
)
def test_v1_refuses_by_short_rules(client: httpx.Client, keyword: str, good: str, bad: str) -> None:
    refused = post(client, "/v1", part10(a_new(**{keyword: bad})))
    taken = post(client, "/v1", part10(a_new(**{keyword: good})))

    assert (refused.status_code, failures(refused)) == (409, [43264])
    assert taken.status_code == 200, taken.text


@pytest.mark.azure("2.3-v1-other-vr", "2.4-reason-v1")
def test_v1_refuses_an_indexed_attribute_with_another_vr_and_names_it(
    client: httpx.Client,
) -> None:
    dataset = a_new(StudyDate=None)
    dataset.add_new(0x00080020, "LO", "20240229")

    response = post(client, "/v1", part10(dataset))

    assert failures(response) == [43264]
    (item,) = response.json()["00081198"]["Value"]
    (comment,) = comments(item)
    assert comment.startswith("DICOM100: (0008,0020) - StudyDate ")
    assert "VR DA" in comment


@pytest.mark.azure("2.3-v1-first-value", "2.3-multiple-values")
def test_v1_checks_the_first_value_only(client: httpx.Client) -> None:
    second = post(client, "/v1", part10(a_new(StudyDate=["20240229", "never"])))
    first = post(client, "/v1", part10(a_new(StudyDate=["never", "20240229"])))

    assert second.status_code == 200
    assert second.headers["warning"].startswith("299 ")
    assert failures(first) == [43264]


@pytest.mark.azure(
    "2.3-v2-everything", "2.3-v2-first-problem", "2.3-v2-left-out", "2.4-comment", "2.4-reason-v2"
)
def test_v2_checks_items_of_sequences_and_tells_the_first_problem_of_each_attribute(
    client: httpx.Client,
) -> None:
    item = Dataset()
    item.CodeValue = "longer than 16 characters"
    item.CodeMeaning = "x" * 65
    dataset = a_new(ProcedureCodeSequence=[item, item], PatientAge="54", StationName="fine")

    response = post(client, "/v2", part10(dataset))

    assert response.status_code == 202
    told = comments(stored_item(response))
    assert [each.partition(" - ")[0] for each in sorted(told)] == [
        "DICOM100: (0008,1032)",
        "DICOM100: (0010,1010)",
    ]
    assert all(each.partition(" - ")[2].startswith("Content ") for each in told)
    assert "does not validate VR AS: " in "".join(told)
    shown = metadata(client, "/v2", dataset)
    assert {"00081032", "00101010"}.isdisjoint(shown)
    assert shown["00081010"]["Value"] == ["fine"]


@pytest.mark.azure("2.3-v2-left-out", "2.3-v2-stored")
@pytest.mark.parametrize(
    ("tag", "elements"),
    [
        ("00080020", {"StudyDate": "2024-2-9"}),
        ("00081030", {"StudyDescription": "x" * 65}),
        ("00100010", {"PatientName": "x" * 65}),
        ("00080050", {"AccessionNumber": "a\tb"}),
        ("00101010", {"PatientAge": "54"}),
        ("00101030", {"PatientWeight": "heavy"}),
    ],
)
def test_v2_keeps_the_file_and_leaves_a_bad_value_out_of_metadata_and_searches(
    client: httpx.Client, tag: str, elements: dict[str, Any]
) -> None:
    ((keyword, value),) = elements.items()
    dataset = a_new(**({} if keyword == "PatientWeight" else elements))
    data = part10(dataset)
    if keyword == "PatientWeight":  # pydicom writes numbers only
        dataset.PatientWeight = "72.50"
        data = part10(dataset).replace(b"72.50", value.encode())

    response = post(client, "/v2", data)

    assert response.status_code == 202
    accept = {"Accept": "application/dicom; transfer-syntax=*"}
    assert client.get(url("/v2", dataset), headers=accept).content == data
    assert tag not in metadata(client, "/v2", dataset)
    query = f"StudyInstanceUID={dataset.StudyInstanceUID}&includefield={tag}"
    (found,) = client.get(f"/v2/studies?{query}").json()
    assert tag not in found
    (standard,) = client.get(f"/dicom-web/studies?{query}").json()
    assert standard[tag]["Value"]


@pytest.mark.azure("2.3-v2-nul-at-end", "2.3-v2-nul-inside")
def test_nul_at_the_end_is_padding_and_inside_a_text_a_warning(client: httpx.Client) -> None:
    padded = part10(a_new(StudyDescription="Nul_at_endX")).replace(b"endX", b"end\0")
    inside = part10(a_new(StudyDescription="Nul_inside")).replace(b"Nul_", b"Nul\0")

    assert post(client, "/v2", padded).status_code == 200
    for value in ("Nul_at_end", "Nul_at_end%00"):
        assert client.get(f"/v2/studies?StudyDescription={value}").status_code == 200
    response = post(client, "/v2", inside)
    assert response.status_code == 202
    assert stored_item(response)["00081196"]["Value"] == [1]


@pytest.mark.azure("2.3-private-un", "3.4-no-bulk")
@pytest.mark.parametrize("version", VERSIONS)
def test_private_elements_read_as_un_and_bulk_values_are_not_in_metadata_at_any_depth(
    client: httpx.Client, version: str
) -> None:
    inner = Dataset()
    inner.CodeValue = "C"
    inner.add_new(0x00420011, "OB", b"bulk")
    inner.add_new(0x00091001, "UN", b"bulk")
    dataset = a_new(ProcedureCodeSequence=[inner])
    block = dataset.private_block(0x0009, "ACME", create=True)
    block.add_new(1, "LO", "private")
    for tag, vr in enumerate(("OB", "OD", "OF", "OL", "OV", "OW"), 0x00090020):
        block.add_new(tag & 0xFF, vr, bytes(8))

    stored = post(client, version, part10(dataset, ImplicitVRLittleEndian))

    assert stored_item(stored)["00081196"]["Value"] == [45063]
    shown = metadata(client, version, dataset)
    assert [tag for tag in shown if tag.startswith("0009")] == ["00090010"]
    assert shown["00081032"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["C"]}}]
    assert "00091001" in metadata(client, "/dicom-web", dataset)


@pytest.mark.azure("1.4-numbers")
@pytest.mark.parametrize("version", VERSIONS)
def test_numbers_that_are_texts_in_a_file_are_numbers_in_json_when_they_parse(
    client: httpx.Client, version: str
) -> None:
    dataset = a_new(InstanceNumber="007", PatientWeight="72.50", SliceThickness="1.25")
    data = part10(dataset).replace(b"1.25", b"1x25")
    post(client, "/v1", data)

    shown = metadata(client, version, dataset)

    assert shown["00200013"]["Value"] == [7]
    assert shown["00101030"]["Value"] == [72.5]
    if version == "/v1":  # version 2 leaves it out
        assert shown["00180050"]["Value"] == ["1x25"]


@pytest.mark.azure("2.5-warning-reason", "2.5-1048-v2", "2.5-1048-v1")
def test_the_sequence_of_failed_attributes_is_in_every_stored_item_of_v2_and_in_none_of_v1(
    client: httpx.Client,
) -> None:
    v1, v2 = (stored_item(post(client, version, part10(a_new()))) for version in VERSIONS)

    assert "00741048" not in v1
    assert v2["00741048"] == {"vr": "SQ"}
    assert "00081196" not in v1 | v2


@pytest.mark.azure("2.6-warning-both", "2.6-warning-45063")
def test_implicit_vr_is_the_reason_even_beside_failed_attributes_which_are_listed(
    client: httpx.Client,
) -> None:
    item = stored_item(post(client, "/v2", part10(a_new(PatientID=""), ImplicitVRLittleEndian)))

    assert item["00081196"]["Value"] == [45063]
    assert comments(item) == ["DICOM100: (0010,0020) - The required tag '(0010,0020)' is missing."]


@pytest.mark.azure("2.6-45071", "2.6-45070")
@pytest.mark.parametrize("version", VERSIONS)
def test_of_several_stores_of_one_instance_at_the_same_time_one_succeeds(
    server: ServedDicomWeb, version: str
) -> None:
    dataset = a_new()
    bodies = []
    for number in range(8):
        dataset.StudyID = str(number)
        bodies.append(part10(dataset))

    def store(body: bytes) -> httpx.Response:
        with server.client() as client:
            return post(client, version, body)

    with ThreadPoolExecutor(len(bodies)) as threads:
        responses = list(threads.map(store, bodies))

    assert sorted(each.status_code for each in responses) == [200] + [409] * 7
    reasons = {reason for each in responses for reason in failures(each)}
    assert reasons <= {45070, 45071}


@pytest.mark.azure("2.8-latest-wins", "2.8-latest-empty")
@pytest.mark.parametrize("version", VERSIONS)
def test_every_shared_attribute_is_what_the_newest_instance_that_has_it_says(
    client: httpx.Client, version: str
) -> None:
    shared = {
        "PatientID": ("P-1", "P-2"), "PatientName": ("First^Name", "Second^Name"),
        "PatientBirthDate": ("19700101", "19800101"), "StudyDate": ("20240101", "20240202"),
        "ReferringPhysicianName": ("Doe^John", "Roe^Jane"), "StudyDescription": ("One", "Two"),
        "AccessionNumber": ("A1", "A2"), "Modality": ("CT", "MR"),
        "PerformedProcedureStepStartDate": ("20240101", "20240202"),
        "ManufacturerModelName": ("M1", "M2"),
    }  # fmt: skip
    first = a_new(**{keyword: values[0] for keyword, values in shared.items()})
    post(client, version, part10(first))
    again = {keyword: values[1] for keyword, values in shared.items()}
    empty = {keyword: "" for keyword in shared if keyword != "PatientID"}

    for number, elements in ((2, again), (3, {**empty, "PatientID": "P-2"})):
        following = a_dataset(
            StudyInstanceUID=first.StudyInstanceUID, SeriesInstanceUID=first.SeriesInstanceUID,
            SOPInstanceUID=f"{first.SeriesInstanceUID}.{number}", **elements,
        )  # fmt: skip
        post(client, version, part10(following))

    for keyword, (former, latest) in shared.items():
        query = f"/series?StudyInstanceUID={first.StudyInstanceUID}&{keyword}="
        assert client.get(f"{version}{query}{latest}").status_code == 200, keyword
        assert client.get(f"{version}{query}{former}").status_code == 204, keyword


@pytest.mark.azure("2.8-feed", "2.8-feed-upsert", "5-feed", "5-feed-older-rows", "2.1-put-upsert")
def test_the_change_feed_tells_of_a_store_an_upsert_and_a_delete(client: httpx.Client) -> None:
    dataset = a_new()
    post(client, "/v2", part10(dataset))

    def entries() -> list[tuple[str, str, bool]]:
        found: list[tuple[str, str, bool]] = []
        for entry in client.get("/v2/changefeed?limit=200").json():
            if entry["sopInstanceUid"] == dataset.SOPInstanceUID:
                said = (entry["action"].lower(), entry["state"].lower(), "metadata" in entry)
                found.append(said)
        return found

    assert entries() == [("create", "current", True)]
    dataset.StudyDescription = "Replaced"
    put = post(client, "/v2", part10(dataset), method="PUT")
    assert put.status_code == 200
    assert entries() == [("create", "replaced", True), ("update", "current", True)]
    assert metadata(client, "/v2", dataset)["00081030"]["Value"] == ["Replaced"]
    assert client.get("/v2/studies?StudyDescription=Replaced").status_code == 200
    assert client.delete(f"/v2/studies/{dataset.StudyInstanceUID}").status_code == 204
    assert entries() == [
        ("create", "deleted", False),
        ("update", "deleted", False),
        ("delete", "deleted", False),
    ]
