"""QIDO-RS as the Azure DICOM service does it: section 4 of its description."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.instances import an_instance
from tests.served_dicomweb import ServedDicomWeb

ROOT = "1.2.826.0.1.3680043.10.4"
VERSIONS = ("/v1", "/v2")
KEYWORD_TAGS = {
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SOPInstanceUID": "00080018",
}


def an_image(study: int, series: int, instance: int, **elements: Any) -> bytes:
    return an_instance(
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.{series}",
        SOPInstanceUID=f"{ROOT}.{study}.{series}.{instance}",
        InstanceNumber=instance,
        SeriesNumber=series,
        **elements,
    )


ADA: dict[str, Any] = {
    "PatientName": "Müller^Ada^Maria",
    "PatientID": "A-1",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "PatientAge": "054Y",
    "AccessionNumber": "ACC1",
    "StudyDate": "20240229",
    "StudyTime": "101112",
    "StudyDescription": "Thorax Nativ",
    "ReferringPhysicianName": "Doe^John",
    "SpecificCharacterSet": "ISO_IR 100",
    "StudyID": "S1",
}
BEN: dict[str, Any] = {
    "PatientName": "Jones^Ben",
    "PatientID": "B*2",
    "PatientBirthDate": "19801231",
    "AccessionNumber": "acc2",
    "StudyDate": "20240301",
    "StudyDescription": "Knie",
    "ReferringPhysicianName": "Roe^Jane",
}
CT = {"Modality": "CT", "ManufacturerModelName": "Scanner One"}
MR = {"Modality": "MR", "PerformedProcedureStepStartDate": "20240302"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedDicomWeb]:
    with ServedDicomWeb(tmp_path_factory.mktemp("qido")) as server:
        server.keep(
            an_image(1, 1, 1, **ADA, **CT, SeriesDescription="Lung"),
            an_image(1, 1, 2, **ADA, **CT, SeriesDescription="Lung"),
            an_image(1, 2, 1, **ADA, **MR),
            an_image(2, 1, 1, **BEN, **MR),
        )
        yield server


@pytest.fixture
def client(server: ServedDicomWeb) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def found(response: httpx.Response, keyword: str) -> list[str]:
    if response.status_code == 204:
        assert response.content == b""
        return []
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/dicom+json"
    return [row[KEYWORD_TAGS[keyword]]["Value"][0] for row in response.json()]


def studies(client: httpx.Client, query: str, version: str = "/v2") -> list[int]:
    uids = found(client.get(f"{version}/studies?{query}"), "StudyInstanceUID")
    return [int(uid.removeprefix(f"{ROOT}.")) for uid in uids]


@pytest.mark.azure(
    "4.1-studies",
    "4.1-series",
    "4.1-study-series",
    "4.1-instances",
    "4.1-study-instances",
    "4.1-series-instances",
    "4.4-newest-first",
    "4.7-200-204",
)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "keyword", "expected"),
    [
        ("/studies", "StudyInstanceUID", ["2", "1"]),
        ("/series", "SeriesInstanceUID", ["2.1", "1.2", "1.1"]),
        (f"/studies/{ROOT}.1/series", "SeriesInstanceUID", ["1.2", "1.1"]),
        ("/instances", "SOPInstanceUID", ["2.1.1", "1.2.1", "1.1.2", "1.1.1"]),
        (f"/studies/{ROOT}.1/instances", "SOPInstanceUID", ["1.2.1", "1.1.2", "1.1.1"]),
        (
            f"/studies/{ROOT}.1/series/{ROOT}.1.1/instances",
            "SOPInstanceUID",
            ["1.1.2", "1.1.1"],
        ),
    ],
)
def test_4_1_the_six_routes_answer_newest_first(
    client: httpx.Client, version: str, path: str, keyword: str, expected: list[str]
) -> None:
    uids = found(client.get(f"{version}{path}"), keyword)

    assert uids == [f"{ROOT}.{tail}" for tail in expected]


@pytest.mark.azure("4.1-always")
def test_4_1_the_uids_of_the_path_are_always_returned(client: httpx.Client) -> None:
    (row, _) = client.get(f"/v2/studies/{ROOT}.1/series/{ROOT}.1.1/instances").json()

    assert row["0020000D"]["Value"] == [f"{ROOT}.1"]
    assert row["0020000E"]["Value"] == [f"{ROOT}.1.1"]


@pytest.mark.azure(
    "4.1-studies",
    "4.1-series",
    "4.1-study-series",
    "4.1-study-instances",
    "4.1-series-instances",
    "4.1-uid-in-path",
)
@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/studies", "Modality=CT"),
        ("/studies", "SOPInstanceUID=1.2"),
        ("/series", "SOPInstanceUID=1.2"),
        (f"/studies/{ROOT}.1/series", "PatientID=A-1"),
        (f"/studies/{ROOT}.1/series", f"StudyInstanceUID={ROOT}.1"),
        (f"/studies/{ROOT}.1/instances", "StudyDate=20240229"),
        (f"/studies/{ROOT}.1/series/{ROOT}.1.1/instances", "Modality=CT"),
    ],
)
def test_4_1_other_levels_cannot_be_filtered(
    client: httpx.Client, path: str, parameter: str
) -> None:
    response = client.get(f"/v2{path}?{parameter}")

    assert response.status_code == 400
    assert parameter.partition("=")[0] in response.text


@pytest.mark.azure("4.2-study", "4.2-names", "4.3-modalities")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"StudyInstanceUID={ROOT}.1", [1]),
        (f"0020000D={ROOT}.2", [2]),
        ("PatientName=Jones%5EBen", [2]),
        ("PatientID=A-1", [1]),
        ("PatientBirthDate=19801231", [2]),
        ("AccessionNumber=ACC1", [1]),
        ("ReferringPhysicianName=Roe%5EJane", [2]),
        ("StudyDate=20240301", [2]),
        ("StudyDescription=Knie", [2]),
        ("ModalitiesInStudy=CT", [1]),
        ("ModalitiesInStudy=MR", [2, 1]),
        ("PatientID=A-1&ModalitiesInStudy=MR", [1]),
        ("PatientID=A-1&StudyDate=20240301", []),
    ],
)
def test_4_2_every_study_attribute_can_be_searched(
    client: httpx.Client, version: str, query: str, expected: list[int]
) -> None:
    assert studies(client, query, version) == expected


@pytest.mark.azure("4.2-series")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (f"SeriesInstanceUID={ROOT}.1.1", ["1.1"]),
        ("Modality=mr", ["2.1", "1.2"]),
        ("PerformedProcedureStepStartDate=20240302", ["2.1", "1.2"]),
        ("ManufacturerModelName=scanner%20one", ["1.1"]),
        ("PatientID=A-1&Modality=MR", ["1.2"]),
    ],
)
def test_4_2_every_series_attribute_can_be_searched(
    client: httpx.Client, query: str, expected: list[str]
) -> None:
    uids = found(client.get(f"/v2/series?{query}"), "SeriesInstanceUID")

    assert uids == [f"{ROOT}.{tail}" for tail in expected]


@pytest.mark.azure("4.2-instance", "4.1-instances")
def test_4_2_an_instance_is_found_by_its_uid(client: httpx.Client) -> None:
    response = client.get(f"/v2/instances?SOPInstanceUID={ROOT}.1.1.2&Modality=CT&PatientID=A-1")

    assert found(response, "SOPInstanceUID") == [f"{ROOT}.1.1.2"]


@pytest.mark.azure("4.2-refused", "4.2-names", "4.2-timezone", "4.7-400")
@pytest.mark.parametrize(
    "query",
    [
        "Nonsense=1",
        "patientid=A-1",
        "00091001=1",
        "StudyTime=101112",
        "PatientSex=F",
        "TimezoneOffsetFromUTC=0100",
        "PatientID=",
        "PatientID=A-1&PatientID=A-1",
        "PatientID=A-1&00100020=A-1",
        "RequestAttributesSequence.ScheduledProcedureStepID=1",
        "StudyInstanceUID=nonsense",
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_4_2_what_cannot_be_searched_is_400(client: httpx.Client, version: str, query: str) -> None:
    response = client.get(f"{version}/studies?{query}")

    assert response.status_code == 400
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("query", ["PatientName=%3Cb%3E", "PatientName=<b>", "x=%3c"])
def test_4_2_an_angle_bracket_in_the_query_is_400(client: httpx.Client, query: str) -> None:
    assert client.get(f"/v2/studies?{query}").status_code == 400


@pytest.mark.azure("4.3-exact")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("AccessionNumber=acc1", [1]),
        ("AccessionNumber=ACC2", [2]),
        ("StudyDescription=THORAX nativ", [1]),
        ("StudyDescription=Thorax", []),
        ("PatientName=muller%5Eada%5Emaria", [1]),
        ("PatientName=M%C3%9CLLER%5EADA%5EMARIA", [1]),
        ("PatientName=Muller", []),
    ],
)
def test_4_3_strings_match_without_case_and_names_without_accents(
    client: httpx.Client, query: str, expected: list[int]
) -> None:
    assert studies(client, query) == expected


@pytest.mark.azure("4.3-literal")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("PatientID=B*2", [2]),
        ("PatientID=*", []),
        ("PatientName=J*", []),
        ("PatientID=A-?", []),
        ("PatientID=A-1%5CB*2", []),
        ("PatientID=A-1,B*2", []),
    ],
)
def test_4_3_wild_cards_and_lists_are_taken_literally(
    client: httpx.Client, query: str, expected: list[int]
) -> None:
    assert studies(client, query) == expected


@pytest.mark.azure("4.3-range")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("StudyDate=20240229-20240301", [2, 1]),
        ("StudyDate=20240229-20240229", [1]),
        ("StudyDate=20240301-", [2]),
        ("StudyDate=-20240229", [1]),
        ("StudyDate=20240302-", []),
        ("PatientBirthDate=19700101-19750101", [1]),
    ],
)
def test_4_3_ranges_of_dates_include_both_ends(
    client: httpx.Client, query: str, expected: list[int]
) -> None:
    assert studies(client, query) == expected


@pytest.mark.azure("4.3-range", "4.3-da")
@pytest.mark.parametrize(
    "value", ["-", "20240301-20240229", "2024", "20240231", "2024-02-29", "x-y", "20240229101112"]
)
def test_4_3_a_date_that_is_none_is_400(client: httpx.Client, value: str) -> None:
    assert client.get(f"/v2/studies?StudyDate={value}").status_code == 400


@pytest.mark.azure("4.3-fuzzy")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("joh", [1]),
        ("do", [1]),
        ("Doe", [1]),
        ("do jo", [1]),
        ("Doe^John", [1]),
        ("DOE", [1]),
        ("ohn", []),
        ("John Doe", []),
        ("jane", [2]),
    ],
)
def test_4_3_fuzzy_words_are_prefixes_of_consecutive_words(
    client: httpx.Client, words: str, expected: list[int]
) -> None:
    # The name is kept as `Doe^John`, so its words come in this order.
    query = f"ReferringPhysicianName={words}&fuzzymatching=true"

    assert studies(client, query) == expected


@pytest.mark.azure("4.3-fuzzy", "4.3-fuzzy-others", "4.3-fuzzy-quotation", "4.2-reserved")
def test_4_3_fuzzy_matching_folds_accents_and_leaves_other_attributes_exact(
    client: httpx.Client,
) -> None:
    assert studies(client, "PatientName=mul%20ad&FuzzyMatching=true&PatientID=a-1") == [1]
    assert studies(client, "PatientName=mul&fuzzymatching=true&PatientID=A") == []
    assert client.get("/v2/studies?PatientName=%22a&fuzzymatching=true").status_code == 400
    assert client.get("/v2/studies?PatientName=a&fuzzymatching=maybe").status_code == 400


@pytest.mark.azure("4.4-offset")
@pytest.mark.parametrize("version", VERSIONS)
def test_4_4_limit_and_offset_walk_through_all_instances(
    client: httpx.Client, version: str
) -> None:
    pages = [
        found(client.get(f"{version}/instances?limit=2&offset={offset}"), "SOPInstanceUID")
        for offset in (0, 2, 4)
    ]

    assert [len(page) for page in pages] == [2, 2, 0]
    assert len({uid for page in pages for uid in page}) == 4


@pytest.mark.azure("4.4-limit", "4.4-offset", "4.7-no-413")
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=-1", "limit=", "offset=-1", "offset=x"]
)
def test_4_4_numbers_outside_their_range_are_400(client: httpx.Client, query: str) -> None:
    assert client.get(f"/v2/studies?{query}").status_code == 400


@pytest.mark.azure("4.4-limit")
def test_4_4_limit_1_and_200_are_taken(client: httpx.Client) -> None:
    assert studies(client, "limit=1") == [2]
    assert studies(client, "limit=200") == [2, 1]


@pytest.mark.azure("4.4-past-the-end", "4.7-200-204")
def test_4_4_an_offset_past_the_end_is_204(client: httpx.Client) -> None:
    assert client.get("/v2/studies?offset=1000000").status_code == 204


V1_STUDY = (
    "00080005 00080020 00080030 00080050 00080056 00080090 00100010 00100020 00100030 00100040 "
    "0020000D 00200010"
)
V2_STUDY = "00080020 00080050 00080090 00081030 00100010 00100020 00100030 0020000D"
V1_SERIES = "00080005 00080060 0008103E 0020000E"
V1_INSTANCE = "00080005 00080016 00080018 00080056 00200013 00280010 00280011 00280100"


@pytest.mark.azure("4.5-absent", "4.1-always")
@pytest.mark.parametrize(
    ("path", "tags"),
    [
        ("/v1/studies?PatientID=A-1", V1_STUDY),
        ("/v2/studies?PatientID=A-1", V2_STUDY),
        (f"/v1/studies/{ROOT}.1/series?Modality=CT", f"{V1_SERIES} 0020000D"),
        (f"/v2/studies/{ROOT}.1/series?Modality=CT", "00080060 00081090 0020000D 0020000E"),
        (f"/v2/studies/{ROOT}.1/series?Modality=MR", "00080060 0020000D 0020000E 00400244"),
        (
            f"/v1/studies/{ROOT}.1/series/{ROOT}.1.1/instances?limit=1",
            f"{V1_INSTANCE} 0020000D 0020000E",
        ),
        (
            f"/v2/studies/{ROOT}.1/series/{ROOT}.1.1/instances?limit=1",
            "00080018 0020000D 0020000E",
        ),
        ("/v2/series?Modality=CT", f"{V2_STUDY} 00080060 00081090 0020000E"),
        (
            f"/v2/instances?SOPInstanceUID={ROOT}.1.1.1",
            f"{V2_STUDY} 00080018 00080060 00081090 0020000E",
        ),
        ("/v1/studies?PatientID=A-1&includefield=all", f"{V1_STUDY} 00081030 00101010"),
        ("/v2/studies?PatientID=A-1&includefield=all", f"{V1_STUDY} 00081030 00101010"),
        ("/v2/studies?PatientID=A-1&ModalitiesInStudy=CT", f"{V2_STUDY} 00080061"),
    ],
)
def test_4_5_the_return_sets_are_those_of_the_version(
    client: httpx.Client, path: str, tags: str
) -> None:
    (row,) = client.get(path).json()

    assert list(row) == sorted(set(tags.split()))


@pytest.mark.azure("4.5-includefield", "4.5-computed")
@pytest.mark.parametrize(
    ("query", "tag", "value"),
    [
        ("includefield=PatientAge", "00101010", "054Y"),
        ("includefield=00101010,00100040", "00100040", "F"),
        ("includefield=PatientAge&includefield=StudyID", "00200010", "S1"),
        ("includefield=ModalitiesInStudy", "00080061", "CT"),
        ("includefield=NumberOfStudyRelatedInstances", "00201208", 3),
    ],
)
def test_4_5_included_fields_are_returned(
    client: httpx.Client, query: str, tag: str, value: str | int
) -> None:
    (row,) = client.get(f"/v2/studies?PatientID=A-1&{query}").json()

    assert row[tag]["Value"][0] == value


@pytest.mark.azure("4.5-computed")
def test_4_5_computed_fields_count_studies_and_series(client: httpx.Client) -> None:
    include = "includefield=NumberOfSeriesRelatedInstances,NumberOfStudyRelatedInstances"
    (row,) = client.get(f"/v2/series?Modality=CT&{include}").json()

    assert row["00201209"] == {"vr": "IS", "Value": [2]}
    assert row["00201208"] == {"vr": "IS", "Value": [3]}


@pytest.mark.azure("4.5-sources", "4.5-includefield")
def test_4_5_fields_that_no_index_holds_come_from_the_newest_instance(
    client: httpx.Client,
) -> None:
    (row,) = client.get("/v2/studies?PatientID=B*2&includefield=SamplesPerPixel").json()

    assert row["00280002"] == {"vr": "US", "Value": [1]}


@pytest.mark.azure("4.5-lower-level", "4.5-absent")
def test_4_5_fields_of_a_lower_level_and_absent_ones_are_left_out(client: httpx.Client) -> None:
    (row,) = client.get(
        "/v2/studies?PatientID=A-1&includefield=Modality,SOPInstanceUID,PatientWeight"
    ).json()

    assert {"00080060", "00080018", "00101030"}.isdisjoint(row)


@pytest.mark.azure("4.5-all-and-others")
def test_4_5_all_wins_over_other_values(client: httpx.Client) -> None:
    assert client.get("/v2/studies?includefield=all&includefield=PatientAge").status_code == 200


@pytest.mark.azure("4.5-unknown")
@pytest.mark.parametrize("value", ["Nonsense", "0010", "PatientAge,Nonsense", "A.B"])
def test_4_5_an_unknown_field_is_400(client: httpx.Client, value: str) -> None:
    assert client.get(f"/v2/studies?includefield={value}").status_code == 400


@pytest.mark.azure("4.5-sources", "2.8-latest-wins", "2.8-latest-empty")
def test_4_5_the_newest_instance_decides_on_shared_attributes(server: ServedDicomWeb) -> None:
    server.keep(
        an_image(3, 1, 1, PatientID="C-3", StudyDescription="First"),
        an_image(3, 1, 2, PatientID="C-3", StudyDescription="Second"),
        an_image(3, 1, 3, PatientID="C-3"),
    )

    with server.client() as client:
        (row,) = client.get("/v2/studies?PatientID=C-3").json()
        assert row["00081030"]["Value"] == ["Second"]
        assert client.get("/v2/studies?PatientID=C-3&StudyDescription=First").status_code == 204
        assert client.delete(f"/v2/studies/{ROOT}.3").status_code == 204


@pytest.mark.azure("4.7-406")
@pytest.mark.parametrize("accept", [None, "application/json", "text/html"])
def test_4_7_accept_must_cover_dicom_json(client: httpx.Client, accept: str | None) -> None:
    request = client.build_request("GET", "/v2/studies?limit=0")
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    response = client.send(request)

    assert response.status_code == 406  # before the query is looked at
    assert response.content == b""


@pytest.mark.azure("4.7-400")
def test_4_7_a_bad_uid_in_the_path_is_400(client: httpx.Client) -> None:
    assert client.get("/v2/studies/1.2.x/series").status_code == 400


@pytest.mark.azure("4.7-200-204")
def test_4_7_series_of_an_unknown_study_are_204(client: httpx.Client) -> None:
    assert client.get("/v2/studies/1.2.3/series").status_code == 204
