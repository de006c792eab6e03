"""What OHIF and cornerstone3D send, request by request, and what they read from the answers.

Values are encoded as `encodeURIComponent` does it; numbers are those of the notes of the project
on viewers (O1 the study list, O7 the opened study, ...).
"""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conformance.multipart import parts
from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.8"
LIST_FIELDS = "includefield=00081030%2C00080060%2C00080090%2C00100030"
PAGE = "limit=101&offset=0&fuzzymatching=false"


def an_image(study: int, series: int, instance: int, **elements: Any) -> bytes:
    return an_instance(
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.{series}",
        SOPInstanceUID=f"{ROOT}.{study}.{series}.{instance}",
        SeriesNumber=series,
        InstanceNumber=instance,
        StudyTime="101500",
        ReferringPhysicianName="Doe^John",
        PatientBirthDate="19700101",
        SeriesDate="20260105",
        **elements,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("viewer")) as server:
        smith = {
            "PatientName": "Smith^Ann",
            "PatientID": "X1234",
            "AccessionNumber": "A100",
            "StudyDescription": "CT chest",
            "StudyDate": "20260105",
        }
        jones = {
            "PatientName": "Jones^Bob",
            "PatientID": "Y1",
            "AccessionNumber": "",
            "StudyDescription": "",
            "StudyDate": "20251231",
            "Modality": "MR",
        }
        server.keep(
            an_image(2, 1, 1, **jones),
            an_image(1, 1, 1, **smith, SeriesDescription="Lung"),
            an_image(1, 1, 2, **smith, SeriesDescription="Lung"),
            an_image(1, 2, 1, **smith, SeriesDescription="Soft"),
        )
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"{server.url}/dicom-web", headers={"Accept": "application/dicom+json"}
    ) as client:
        yield client


def rows(response: httpx.Response) -> list[dict[str, Any]]:
    if response.status_code == 204:
        return []
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def value(row: dict[str, Any], tag: str) -> Any:
    return row[tag]["Value"][0]


def found(client: httpx.Client, path: str) -> list[str]:
    return [value(row, "0020000D").removeprefix(f"{ROOT}.") for row in rows(client.get(path))]


def test_o1_the_study_list_has_every_column(client: httpx.Client) -> None:
    first, second = rows(client.get(f"/studies?{PAGE}&{LIST_FIELDS}"))

    assert value(first, "0020000D") == f"{ROOT}.1"
    assert value(first, "00080020") == "20260105"
    assert value(first, "00080030") == "101500"
    assert value(first, "00080050") == "A100"
    assert value(first, "00100020") == "X1234"
    assert value(first, "00100010")["Alphabetic"] == "Smith^Ann"
    assert value(first, "00100030") == "19700101"
    assert value(first, "00201208") == 3
    assert value(first, "00081030") == "CT chest"
    assert value(first, "00080061") == "CT"
    assert value(first, "00080090")["Alphabetic"] == "Doe^John"
    assert value(second, "00080061") == "MR"


def test_o1_a_study_without_any_modality_has_no_empty_list_of_them(
    server: ServedDicomWeb, client: httpx.Client
) -> None:
    # OHIF reads the length of the Value of each (0008,0061) that is there, and shows no study at
    # all when one has none.
    server.keep(an_image(3, 1, 1, PatientID="WITHOUT", Modality=""))

    (study,) = rows(client.get(f"/studies?PatientID=WITHOUT&{PAGE}&{LIST_FIELDS}%2C00080061"))

    client.delete(f"/studies/{ROOT}.3")

    assert "00080061" not in study


def test_o2_filters_with_stars(client: httpx.Client) -> None:
    query = (
        "PatientName=*smith*&00100020=*123*&AccessionNumber=*A1*&StudyDescription=*chest*"
        f"&ModalitiesInStudy=CT%2CMR&{PAGE}&{LIST_FIELDS}&StudyDate=20260101-20261121"
    )

    assert found(client, f"/studies?{query}") == ["1"]


def test_o2_filters_without_stars(client: httpx.Client) -> None:
    assert found(client, f"/studies?PatientName=Smith%5EAnn&{PAGE}&{LIST_FIELDS}") == ["1"]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [("20260101-20261121", ["1"]), ("19700102-20251231", ["2"]), ("20250101-20260105", ["1", "2"])],
)
def test_o3_half_open_dates_as_the_viewer_closes_them(
    client: httpx.Client, dates: str, expected: list[str]
) -> None:
    assert found(client, f"/studies?{PAGE}&{LIST_FIELDS}&StudyDate={dates}") == expected


def test_o4_a_page_past_the_end_is_an_empty_list(client: httpx.Client) -> None:
    response = client.get(f"/studies?limit=101&offset=100&fuzzymatching=false&{LIST_FIELDS}")

    assert response.status_code == 204


def test_o5_several_studies_by_uid(client: httpx.Client) -> None:
    query = f"StudyInstanceUID={ROOT}.1%5C{ROOT}.2&{PAGE}"

    assert sorted(found(client, f"/studies?{query}")) == ["1", "2"]


def test_o6_an_expanded_row_shows_its_series(client: httpx.Client) -> None:
    path = f"/studies/{ROOT}.1/series?includefield=0008103E%2C00080021"
    second, first = rows(client.get(path))

    for row, number, count, text in ((first, 1, 2, "Lung"), (second, 2, 1, "Soft")):
        assert value(row, "0020000D") == f"{ROOT}.1"
        assert value(row, "0020000E") == f"{ROOT}.1.{number}"
        assert value(row, "00080060") == "CT"
        assert value(row, "00200011") == number
        assert value(row, "00080021") == "20260105"
        assert value(row, "00201209") == count
        assert value(row, "0008103E") == text


def test_o7_a_study_is_opened_series_by_series(client: httpx.Client) -> None:
    by_series = rows(client.get(f"/studies/{ROOT}.1/series?SeriesInstanceUID={ROOT}.1.2"))
    assert [value(row, "0020000E") for row in by_series] == [f"{ROOT}.1.2"]

    for row in rows(client.get(f"/studies/{ROOT}.1/series")):
        path = f"/studies/{ROOT}.1/series/{value(row, '0020000E')}/metadata"
        for instance in rows(client.get(path)):
            assert value(instance, "0020000D") == f"{ROOT}.1"
            assert value(instance, "0020000E") == value(row, "0020000E")
            assert value(instance, "00080016") == "1.2.840.10008.5.1.4.1.1.2"
            assert isinstance(value(instance, "00200013"), int)
            assert "7FE00010" not in instance or "BulkDataURI" in instance["7FE00010"]


def test_o8_a_study_is_opened_at_once_and_a_browser_gets_it_compressed(
    client: httpx.Client,
) -> None:
    headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
    with client.stream("GET", f"/studies/{ROOT}.1/metadata", headers=headers) as response:
        raw = b"".join(response.iter_raw())

    assert response.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(raw))) == 3


def test_o19_one_instance_of_a_series(client: httpx.Client) -> None:
    path = f"/studies/{ROOT}.1/series/{ROOT}.1.1/instances?limit=1&includefield=00080018"
    (row,) = rows(client.get(path))

    assert value(row, "00080018").startswith(f"{ROOT}.1.1.")


def test_o22_other_studies_of_the_patient(client: httpx.Client) -> None:
    assert found(client, f"/studies?StudyInstanceUID={ROOT}.2&{PAGE}") == ["2"]
    assert found(client, f"/studies?00100020=X1234&{PAGE}&{LIST_FIELDS}") == ["1"]
    assert found(client, f"/studies?StudyInstanceUID=&00100020=X1234&{PAGE}") == ["1"]


@pytest.mark.parametrize("extra", ["accept=application%2Fdicom%2Bjson", "token=abc", "_=1767"])
def test_o26_parameters_of_others_do_no_harm(client: httpx.Client, extra: str) -> None:
    assert len(rows(client.get(f"/studies?{PAGE}&{extra}"))) == 2


def test_a_part_is_spelled_as_viewers_parsers_want_it(client: httpx.Client) -> None:
    accept = "multipart/related; type=application/dicom; transfer-syntax=*"
    path = f"/studies/{ROOT}.1/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"
    response = client.get(path, headers={"Accept": accept})

    ((head, _),) = parts(response)
    assert response.content.index(b"\r\n\r\n") < 1000
    assert b"\r\nContent-Type: application/dicom" in response.content[:200]
    assert "transfer-syntax=" in head["Content-Type"]
    boundary = response.headers["content-type"].partition('boundary="')[2].rstrip('"')
    assert len(boundary) * 4 >= 128
